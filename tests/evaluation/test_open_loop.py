from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from avvla.actions.unicycle import rollout
from avvla.evaluation import open_loop
from avvla.policy.interface import ConstantAction, ConstantVelocity, Plan

LENGTHS = {f"{kind}_{h}s" for kind in ("ade", "fde") for h in ("1", "2", "3", "4", "6.4")}
OTHERS = {"miss_rate", "heading_error", "speed_error"}


def test_lengths_of_a_distance_that_grows_by_a_metre_a_step():
    table = open_loop.lengths(np.arange(1.0, 65.0)[None])
    assert {name: value.tolist() for name, value in table.items()} == {
        "ade_1s": [5.5],
        "fde_1s": [10.0],
        "ade_2s": [10.5],
        "fde_2s": [20.0],
        "ade_3s": [15.5],
        "fde_3s": [30.0],
        "ade_4s": [20.5],
        "fde_4s": [40.0],
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


def perfect(samples) -> Plan:
    action = samples.action.astype(np.float64)
    return Plan(action, rollout(samples.state[:, 0].astype(np.float64), action))


def test_a_perfect_plan_has_no_errors(samples):
    found = open_loop.errors(perfect(samples), samples)
    assert set(found) == LENGTHS | OTHERS
    assert max(value.max() for value in found.values()) < 1e-4


def test_errors_of_heading_speed_and_misses_are_told_apart(samples):
    plan = perfect(samples)
    off = plan.trajectory + np.array([0.0, 0.0, 2 * np.pi - 0.2, 1.5])
    off[3:, -1, 0] += 2.5
    found = open_loop.errors(replace(plan, trajectory=off), samples)
    np.testing.assert_allclose(found["heading_error"], 0.2, atol=1e-5)
    np.testing.assert_allclose(found["speed_error"], 1.5, atol=1e-5)
    assert found["miss_rate"].tolist() == [0, 0, 0, 1, 1, 1, 1]


def test_the_best_of_the_drawn_plans_counts(samples):
    plan = perfect(samples)
    apart = [
        replace(plan, trajectory=plan.trajectory + np.array([0.0, aside, 0.0, 0.0]))
        for aside in (3.0, 1.0, 2.0)
    ]
    apart[2].trajectory[0] = plan.trajectory[0]
    found = open_loop.errors(apart[0], samples, apart)
    np.testing.assert_allclose(found["min_ade"], [0.0] + [1.0] * 6, atol=1e-4)


def test_summary_is_the_mean_with_its_interval():
    found = {"ade_6.4s": np.array([1.0, 2.0, 6.0]), "miss_rate": np.array([0.0, 0.0, 1.0])}
    summary = open_loop.summarise(found, ["a", "b", "c"])
    interval = summary.pop("interval")
    assert summary == {"n": 3, "ade_6.4s": 3.0, "miss_rate": pytest.approx(1 / 3)}
    assert 1.0 <= interval["ade_6.4s"]["low"] < 3.0 < interval["ade_6.4s"]["high"] <= 6.0


def test_bands_hold_their_own_samples(samples):
    found = open_loop.errors(open_loop.plans(ConstantVelocity(), samples), samples)
    bands = open_loop.in_bands({"agent": found}, samples)
    assert set(bands) == {"command", "speed", "bend"}
    assert bands["command"]["Turn left"]["n"] == 3
    turning = bands["command"]["Turn left"]["agent"]
    assert turning["ade_6.4s"] == pytest.approx(found["ade_6.4s"][4:].mean())
    assert turning["low"] <= turning["ade_6.4s"] <= turning["high"]
    assert all(sum(band["n"] for band in parts.values()) == 7 for parts in bands.values())


def test_metrics_have_the_keys_that_others_read(samples):
    found = open_loop.errors(open_loop.plans(ConstantVelocity(), samples), samples)
    doubled = {name: 2 * values for name, values in found.items()}
    metrics = open_loop.metrics({"agent": found, "blind": doubled}, samples.clip_id)
    assert set(metrics) == LENGTHS | OTHERS | {"n", "interval", "blind"}
    assert metrics["blind"]["ade_6.4s"] == pytest.approx(2 * metrics["ade_6.4s"])


def test_constant_velocity_is_exact_on_a_straight_drive_only(samples):
    planned = open_loop.plans(ConstantVelocity(), samples).trajectory
    ade = open_loop.displacement(planned, samples.trajectory).mean(-1)
    assert planned.shape == (7, 64, 4)
    assert ade[0] < 1e-5
    assert (np.diff(ade) > 0).all()


def test_constant_action_is_exact_where_the_bend_was_there_before(samples):
    state = samples.state.copy()
    state[:, 1] = 1.5 * state[:, 0] * samples.action[:, 0, 1]
    turning = replace(samples, state=state)
    planned = open_loop.plans(ConstantAction(), turning).trajectory
    assert open_loop.displacement(planned, samples.trajectory).max() < 1e-3
    still = replace(samples, state=state * np.array([0.01, 1.0], np.float32))
    assert not open_loop.plans(ConstantAction(), still).action.any()


def test_every_sample_is_planned_once_in_order(samples, monkeypatch):
    monkeypatch.setattr(open_loop, "BATCH", 3)
    seen, seeds = [], []

    class Noting:
        def plan(self, observation):
            seen.append(observation)
            batch = len(observation.command)
            return Plan(np.zeros((batch, 64, 2)), np.zeros((batch, 64, 4)))

        def sample(self, observation, seed):
            seeds.append(seed)
            return self.plan(observation)

    open_loop.plans(Noting(), samples)
    assert [len(part.command) for part in seen] == [3, 3, 1]
    np.testing.assert_array_equal(np.concatenate([part.image for part in seen]), samples.image)
    speeds = np.concatenate([part.speed_mps for part in seen])
    np.testing.assert_array_equal(speeds, samples.state[:, 0])
    assert sum((part.command for part in seen), ()) == samples.command
    drawn = open_loop.sampled(Noting(), samples)
    assert len(drawn) == 6
    assert drawn[0].action.shape == (7, 64, 2)
    assert len(set(seeds)) == len(seeds) == 18
