"""The Gymnasium environment over the embedded arena."""

import warnings

import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from rl_factory import CONTINUOUS, SMALL

from avvla.errors import UserError
from avvla.rl.environment import ROAD, UNSEEN, make_environment, unseen_roads
from avvla.rl.reading import settings_of


@pytest.mark.parametrize("plain", [SMALL, CONTINUOUS])
def test_the_checker_is_content(plain) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(make_environment(settings_of(plain)), skip_render_check=True)


def episode(environment, **start):
    seen, _ = environment.reset(**start)
    pictures, rewards = [seen], []
    while True:
        seen, reward, terminated, truncated, info = environment.step(2)
        pictures.append(seen)
        rewards.append(reward)
        if terminated or truncated:
            return np.stack(pictures).tobytes(), rewards, info


def test_equal_seeds_give_equal_episodes_and_roads_can_be_named(small) -> None:
    environment = make_environment(small)
    first = episode(environment, seed=5)
    goes_on = episode(environment)
    assert first[0] != goes_on[0]
    assert episode(environment, seed=5) == first
    assert episode(environment) == goes_on
    named = episode(environment, options={ROAD: UNSEEN})
    assert episode(make_environment(small), options={ROAD: UNSEEN}) == named


def test_the_last_step_tells_the_episode(small) -> None:
    _, rewards, info = episode(make_environment(small), seed=1)
    assert info["return"] == pytest.approx(sum(rewards))
    assert info["length"] == len(rewards) <= 20  # 2 s


def test_roads_of_evaluation_are_none_of_training() -> None:
    assert unseen_roads(3) == [UNSEEN, UNSEEN + 1, UNSEEN + 2]


def test_an_action_that_is_none_is_refused(small) -> None:
    environment = make_environment(small)
    environment.reset(seed=0)
    with pytest.raises(UserError, match="action is 29"):
        environment.step(29)
