import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from avvla.evaluation.pdm import tracker
from avvla.evaluation.pdm.tracker import HEADING, VX, interpolate, profile, track
from avvla.evaluation.pdm.vehicle import wrap

HERE = np.zeros(3)


def arc(speed, curvature, steps=8, interval_s=0.5):
    """(1, steps, 3) poses of a circular arc."""
    way = speed * interval_s * np.arange(1, steps + 1)
    angle = way * curvature
    if curvature == 0:
        return np.stack([way, 0 * way, angle], -1)[None]
    return np.stack([np.sin(angle), 1 - np.cos(angle), angle * curvature], -1)[None] / curvature


def start(speed):
    return np.array([0, 0, 0, speed, 0, 0, 0, 0, 0, 0, 0], float)


def test_a_plan_is_linear_between_its_poses_and_stands_after_the_last():
    path = interpolate(np.array([10.0, 5.0, np.pi / 2]), arc(10.0, 0.0, steps=6), 0.5)
    assert path.shape == (1, 41, 3)
    np.testing.assert_allclose(path[0, :, 0], 10.0, atol=1e-9)
    np.testing.assert_allclose(path[0, :31, 1], 5.0 + np.arange(31), atol=1e-9)
    np.testing.assert_allclose(path[0, 30:, 1], 35.0, atol=1e-9)


def test_headings_are_joined_across_the_half_turn():
    origin = np.array([0.0, 0.0, 3.0])
    path = interpolate(origin, np.array([[[0.0, 0.0, 0.4], [0.0, 0.0, 0.4]]]), 2.0)
    assert wrap(path[0, 10, 2] - 3.2) == pytest.approx(0.0, abs=1e-9)


@settings(deadline=None)
@given(speed=st.floats(0.5, 30.0), curvature=st.floats(-0.05, 0.05))
def test_an_arc_has_its_speed_and_curvature(speed, curvature):
    path = interpolate(HERE, arc(speed, curvature, 40, 0.1), 0.1)
    v, k = profile(path)
    assert v[0] == pytest.approx(np.full(40, speed), rel=0.02, abs=0.05)
    assert k[0, 5:-5] == pytest.approx(np.full(30, curvature), rel=0.1, abs=0.01)


@settings(deadline=None, max_examples=30)
@given(speed=st.floats(2.0, 20.0), curvature=st.floats(-0.03, 0.03))
def test_the_vehicle_follows_what_it_can(speed, curvature):
    path = interpolate(HERE, arc(speed, curvature, 40, 0.1), 0.1)
    states = track(start(speed), path)
    assert np.linalg.norm(states[0, -1, :2] - path[0, -1, :2]) < 0.1 * speed + 0.5
    assert states[0, -1, VX] == pytest.approx(speed, rel=0.05)


def test_it_turns_to_the_side_of_the_plan():
    states = track(start(10.0), interpolate(HERE, arc(10.0, 0.02), 0.5))
    assert states[0, -1, HEADING] > 0.3
    assert states[0, -1, 1] > 5.0


def test_the_mended_penalty_differs_from_the_devkit_s():
    braking = np.array([[[10.0 * t - 1.5 * t**2, 0.0, 0.0] for t in np.arange(1, 9) * 0.5]])
    path = interpolate(HERE, braking, 0.5)
    ours, theirs = (profile(path, corrected=flag)[0] for flag in (True, False))
    assert 1e-4 < np.abs(ours - theirs).max() < 1.0


def test_a_standing_plan_stops_the_vehicle():
    path = interpolate(HERE, np.zeros((1, 40, 3)), 0.1)
    states = track(start(5.0), path)
    assert abs(states[0, -1, tracker.VX]) < 0.3


def test_pedals_and_steering_lag_by_their_time_constants():
    after = tracker._move(start(10.0)[None], np.array([3.0]), np.array([0.3]))[0]
    assert after[tracker.AX] == pytest.approx(0.1 / 0.3 * 3.0)
    assert after[VX] == pytest.approx(10.0 + 0.1 * after[tracker.AX])
    assert after[tracker.STEERING_RATE] == pytest.approx(0.1 / 0.15 * 0.3)
    assert after[tracker.STEERING] == pytest.approx(0.1 * after[tracker.STEERING_RATE])
    assert after[0] == pytest.approx(1.0)  # the old speed
    assert after[HEADING] == 0.0  # the old steering angle
