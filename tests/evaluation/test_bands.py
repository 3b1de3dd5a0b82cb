import numpy as np

from avvla.actions.unicycle import rollout
from avvla.evaluation import bands


def test_commands_are_their_own_bands():
    found = bands.by_command(["Stop", "Turn left", "Stop"])
    assert {name: inside.tolist() for name, inside in found.items()} == {
        "Stop": [True, False, True],
        "Turn left": [False, True, False],
    }


def test_speeds_lie_between_bounds_and_empty_bands_are_left_out():
    found = bands.by_speed(np.array([0.0, 2.9, 3.0, 12.0, 30.0]))
    assert {name: inside.tolist() for name, inside in found.items()} == {
        "0 to 3 m/s": [True, True, False, False, False],
        "3 to 6 m/s": [False, False, True, False, False],
        "12 m/s and more": [False, False, False, True, True],
    }


def test_bends_are_told_by_their_radius():
    action = np.zeros((5, 64, 2))
    action[:, :, 1] = np.array([0.0, 1 / 200, -1 / 50, 1 / 20, 1 / 20])[:, None]
    path = rollout(np.array([10.0, 10.0, 10.0, 10.0, 0.0]), action)[..., :3]
    found = bands.by_bend(path)
    assert {name: np.flatnonzero(inside).tolist() for name, inside in found.items()} == {
        "radius over 500 m": [0],
        "radius 100 to 500 m": [1],
        "radius 30 to 100 m": [2],
        "radius under 30 m": [3],
        "standing": [4],
    }


def test_every_sample_is_in_one_band(samples):
    for found in (bands.by_speed(samples.state[:, 0]), bands.by_bend(samples.trajectory)):
        assert (np.sum(list(found.values()), axis=0) == 1).all()
