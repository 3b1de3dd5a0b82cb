import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from avvla.evaluation import open_loop
from avvla.policy.interface import ConstantVelocity, Plan

LENGTHS = {"ade_1s", "ade_3s", "ade_6.4s", "fde_1s", "fde_3s", "fde_6.4s"}


def test_errors_of_a_distance_that_grows_by_a_metre_a_step():
    table = open_loop.errors(np.arange(1.0, 65.0)[None])
    assert {name: value.tolist() for name, value in table.items()} == {
        "ade_1s": [5.5],
        "fde_1s": [10.0],
        "ade_3s": [15.5],
        "fde_3s": [30.0],
        "ade_6.4s": [32.5],
        "fde_6.4s": [64.0],
    }


def test_displacement_ignores_the_heading():
    planned = np.zeros((2, 64, 3))
    recorded = planned + np.array([3.0, 4.0, 1.0])
    np.testing.assert_array_equal(open_loop.displacement(planned, recorded), np.full((2, 64), 5.0))


@given(st.floats(-np.pi, np.pi), st.floats(-50, 50), st.integers(0, 1000))
def test_displacement_does_not_depend_on_the_frame(angle, shift, seed):
    planned, recorded = np.random.default_rng(seed).normal(0, 20, (2, 3, 64, 2))
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    moved = open_loop.displacement(planned @ turn + shift, recorded @ turn + shift)
    np.testing.assert_allclose(moved, open_loop.displacement(planned, recorded), atol=1e-9)


def test_summary_is_the_mean_over_samples_and_over_each_commands_own():
    distance = np.array([[1.0] * 64, [2.0] * 64, [6.0] * 64])
    summary = open_loop.summarise(distance, ["Stop", "Turn left", "Stop"])
    commands = summary.pop("commands")
    assert summary.pop("n") == 3
    assert set(summary) == LENGTHS
    assert summary["ade_6.4s"] == 3.0
    assert list(commands) == ["Stop", "Turn left"]
    assert (commands["Stop"]["n"], commands["Stop"]["fde_3s"]) == (2, 3.5)
    assert (commands["Turn left"]["n"], commands["Turn left"]["fde_3s"]) == (1, 2.0)


def test_metrics_have_the_keys_that_others_read():
    distance = np.ones((2, 64))
    drivers = {"agent": distance, "blind": 2 * distance, "constant_velocity": 3 * distance}
    metrics = open_loop.metrics(drivers, ["Stop", "Stop"])
    assert set(metrics) == {*LENGTHS, "n", "commands", "blind", "constant_velocity"}
    assert metrics["ade_6.4s"] == 1.0
    assert metrics["blind"]["ade_6.4s"] == 2.0
    assert metrics["constant_velocity"]["fde_6.4s"] == 3.0


def test_constant_velocity_is_exact_on_a_straight_drive_only(samples):
    planned = open_loop.plan_paths(ConstantVelocity(), samples)
    ade = open_loop.displacement(planned, samples.trajectory).mean(-1)
    assert planned.shape == (7, 64, 3)
    assert ade[0] < 1e-5
    assert (np.diff(ade) > 0).all()


def test_every_sample_is_planned_once_in_order(samples, monkeypatch):
    monkeypatch.setattr(open_loop, "BATCH", 3)
    seen = []

    class Noting:
        def plan(self, observation):
            seen.append(observation)
            batch = len(observation.command)
            return Plan(np.zeros((batch, 64, 2)), np.zeros((batch, 64, 4)))

    open_loop.plan_paths(Noting(), samples)
    assert [len(part.command) for part in seen] == [3, 3, 1]
    np.testing.assert_array_equal(np.concatenate([part.image for part in seen]), samples.image)
    speeds = np.concatenate([part.speed_mps for part in seen])
    np.testing.assert_array_equal(speeds, samples.state[:, 0])
    assert sum((part.command for part in seen), ()) == samples.command
