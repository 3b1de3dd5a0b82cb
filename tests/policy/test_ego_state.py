import numpy as np
import pytest

from avvla.actions.unicycle import rollout
from avvla.policy import ego_state
from avvla.policy.interface import Observation

COMMANDS = ("Stop", "Turn left")


@pytest.fixture(scope="module")
def driven():
    """Samples whose drivers do what they are told, and nothing else."""
    rng = np.random.default_rng(5)
    speed = rng.uniform(6.0, 12.0, 400)
    command = [COMMANDS[index % 2] for index in range(400)]
    action = np.zeros((400, 64, 2))
    action[::2, :, 0] = -1.0
    action[1::2, :, 1] = 0.03
    state = np.stack([speed, np.zeros(400)], -1)
    return state, rollout(speed, action)[..., :3], command


def seen(state, command, grey=0):
    return Observation(
        image=np.full((len(command), 8, 8, 3), grey, np.uint8),
        speed_mps=state[:, 0],
        heading_change_rad=state[:, 1],
        command=tuple(command),
    )


def test_it_learns_what_state_and_command_tell_and_nothing_else(driven, monkeypatch):
    monkeypatch.setattr(ego_state, "STEPS", 300)
    state, trajectory, command = driven
    driver = ego_state.fit(state, trajectory, command)
    plan = driver.plan(seen(state, command))
    apart = np.linalg.norm(plan.trajectory[..., :2] - trajectory[..., :2], axis=-1).mean()
    swapped = driver.plan(seen(state, command[::-1])).trajectory[..., :2]
    assert apart < 1.0 < np.linalg.norm(swapped - trajectory[..., :2], axis=-1).mean()
    again = ego_state.fit(state, trajectory, command).plan(seen(state, command, grey=200))
    np.testing.assert_array_equal(again.action, plan.action)


def test_an_unknown_command_counts_as_none(driven, monkeypatch):
    monkeypatch.setattr(ego_state, "STEPS", 2)
    driver = ego_state.fit(*driven)
    plan = driver.plan(seen(driven[0][:2], ("Sing", "Dance")))
    assert plan.action.shape == (2, 64, 2)
    assert np.isfinite(plan.trajectory).all()
