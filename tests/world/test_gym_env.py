"""The Gymnasium environment: its checker, its reward, how episodes end."""

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from avvla.config import Randomisation
from avvla.errors import UserError
from avvla.labels.taxonomy import TAXONOMY
from avvla.world import expert
from avvla.world.gym_env import (
    ACTION_SCALE,
    COMMANDS,
    FAILURE,
    JERK_MPS3,
    JERK_WEIGHT,
    OFFSET_WEIGHT,
    DrivingEnv,
    reward,
)
from avvla.world.road_map import LANE_M
from avvla.world.scenario import CRUISE_MPS, FAMILIES, SLOW_MPS, draw_scenario

STILL = np.zeros(2, np.float32)


def drive(env: DrivingEnv, seed: int, action: np.ndarray | None = None) -> list[tuple]:
    """An episode by the expert or by one constant action; what each step returned."""
    env.reset(seed=seed)
    steps = []
    while not steps or not (steps[-1][2] or steps[-1][3]):
        wanted = np.array(expert.act(env._world)) / ACTION_SCALE if action is None else action
        steps.append(env.step(wanted.astype(np.float32)))
    return steps


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("randomisation", [None, Randomisation()])
def test_the_checker_is_content(randomisation: Randomisation | None) -> None:
    env = gymnasium.make(
        "avvla/Driving-v0",
        render_mode="rgb_array",
        randomisation=randomisation,
        disable_env_checker=True,
    )
    check_env(env.unwrapped)


def test_equal_seeds_give_equal_episodes() -> None:
    env = DrivingEnv(families=("lead", "turn"), randomisation=Randomisation(), duration_s=1.0)
    episodes = [drive(env, seed, STILL) for seed in (3, 3, 4)]
    frames = [episode[-1][0]["image"].tobytes() for episode in episodes]
    assert frames[0] == frames[1] != frames[2]
    assert [step[1] for step in episodes[0]] == [step[1] for step in episodes[1]]


def test_the_seed_goes_on_over_episodes() -> None:
    env = DrivingEnv()
    env.reset(seed=5)
    families = [env.reset()[1]["family"] for _ in range(12)]
    env.reset(seed=5)
    assert [env.reset()[1]["family"] for _ in range(12)] == families
    assert len(set(families)) > 3


def test_only_the_named_families_are_drawn() -> None:
    env = DrivingEnv(families=("stop",))
    for seed in range(4):
        observation, info = env.reset(seed=seed)
        assert info["family"] == "stop"
        assert COMMANDS[observation["command"]] == "Follow the lane"


def test_commands_are_those_of_the_taxonomy_and_of_every_family() -> None:
    assert set(COMMANDS) <= {command.text for command in TAXONOMY}
    drawn = {draw_scenario(family, 8, seed).command for family in FAMILIES for seed in range(6)}
    assert drawn <= set(COMMANDS)


def test_the_expert_earns_almost_one_a_second_and_is_truncated_at_the_duration() -> None:
    env = DrivingEnv(families=("lane_keeping",), duration_s=12.0)
    steps = drive(env, 1)
    assert len(steps) == 120
    assert steps[-1][2:4] == (False, True)
    assert 0.85 * 12.0 < sum(step[1] for step in steps) < 12.0


def test_leaving_the_road_terminates_with_the_penalty() -> None:
    steps = drive(DrivingEnv(families=("lane_keeping",)), 1, np.array([0.0, 0.4], np.float32))
    _, last, terminated, truncated, info = steps[-1]
    assert (last, terminated, truncated) == (FAILURE, True, False)
    assert info["off_road"]
    assert not info["collided"]
    assert all(step[1] > FAILURE for step in steps[:-1])


def test_the_end_of_the_map_truncates() -> None:
    steps = drive(DrivingEnv(families=("straight",), duration_s=60.0), 2)
    assert steps[-1][2:4] == (False, True)
    assert steps[-1][4]["finished"]
    assert len(steps) < 600


def test_actions_are_shares_of_their_scale_and_clipped() -> None:
    env = DrivingEnv(families=("lane_keeping",))
    before = env.reset(seed=1)[0]["state"][0]
    after = env.step(np.array([0.5, 0.0], np.float32))[0]["state"][0]
    assert after - before == pytest.approx(0.3, abs=1e-5)
    last = env.step(np.array([-7.0, 0.0], np.float32))[0]["state"][0]
    assert last - after == pytest.approx(-0.6, abs=1e-5)


def test_the_reward_is_its_formula() -> None:
    best = CRUISE_MPS * 0.1
    assert reward(best, "Follow the lane", 0.0, 0.0) == pytest.approx(0.1)
    assert reward(0.0, "Turn left", 0.0, 0.0) == pytest.approx(0.0)
    assert reward(best / 2, "Follow the lane", 0.0, 0.0) == pytest.approx(0.05)
    assert reward(0.0, "Stop", 0.0, 0.0) == pytest.approx(0.1)
    assert reward(best, "Stop", 0.0, 0.0) == pytest.approx(0.0)
    assert reward(SLOW_MPS * 0.1, "Slow down", 0.0, 0.0) == pytest.approx(0.1)
    aside = reward(best, "Follow the lane", -LANE_M / 4, 0.0)
    assert aside == pytest.approx(0.1 * (1 - OFFSET_WEIGHT / 2))
    assert reward(best, "Follow the lane", 99.0, 0.0) == pytest.approx(0.1 * (1 - OFFSET_WEIGHT))
    jerky = reward(best, "Follow the lane", 0.0, -JERK_MPS3 / 2)
    assert jerky == pytest.approx(0.1 * (1 - JERK_WEIGHT / 2))


def test_the_picture_is_the_birds_eye_view() -> None:
    env = DrivingEnv(render_mode="rgb_array")
    env.reset(seed=0)
    image = env.render()
    assert image is not None
    assert image.shape == (480, 480, 3)
    silent = DrivingEnv()
    silent.reset(seed=0)
    assert silent.render() is None


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"families": ("parking",)}, "parking.*lane_keeping"),
        ({"families": ()}, "expected some of"),
        ({"duration_s": 0.0}, "duration_s is 0.0"),
        ({"duration_s": float("nan")}, "duration_s is nan"),
        ({"render_mode": "human"}, "'human'.*'rgb_array'"),
    ],
)
def test_bad_arguments_are_refused(wrong: dict[str, object], told: str) -> None:
    with pytest.raises(UserError, match=told):
        DrivingEnv(**wrong)
