from pathlib import Path

import numpy as np
import pytest
from drives import KINDS, drives
from hypothesis import given, settings
from hypothesis import strategies as st

from avvla.actions.fit import T0, WINDOW, fit_actions
from avvla.actions.unicycle import DT_S, HORIZON, INTEGRATORS, rollout
from avvla.actions.validity import MAX_CURVATURE
from avvla.errors import UserError

REAL = Path(__file__).parents[2].parent / "shared/cases/real_trajectories/segments_10hz.npz"


def fit(states, integrator="euler", with_speed=True):
    speed = states[..., 3] if with_speed else None
    return fit_actions(states[..., :2], states[..., 2], speed, DT_S, integrator, 1.0)


def driven(v_start, action, integrator):
    """States (N, 80, 4) of actions (N, 79, 2) from the origin."""
    states = rollout(v_start, action, DT_S, integrator)
    first = np.zeros((len(states), 1, 4))
    first[..., 3] = np.reshape(v_start, (-1, 1))
    return np.concatenate([first, states], 1)


@pytest.mark.parametrize("kind", KINDS)
def test_euler_recovers_an_expert(kind):
    states, action = drives(kind)
    label = fit(states)
    truth = action[:, T0:]
    assert label.ade.max() < 0.02
    assert label.max_error.max() < 0.03
    assert label.valid.all()
    np.testing.assert_array_equal(label.v0, states[:, T0, 3])
    # The last acceleration and curvature move nothing but the last speed and heading.
    error = (label.action - truth)[:, :-1]
    assert np.sqrt(np.mean(error[..., 0] ** 2)) < 0.12
    moving = states[:, T0 : WINDOW - 2, 3] > 0.6
    assert np.sqrt(np.mean(error[moving, 1] ** 2)) < 0.0015


@pytest.mark.parametrize("integrator", INTEGRATORS)
@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), v0=st.floats(3, 25))
def test_round_trip_of_smooth_actions(integrator, seed, v0):
    rng = np.random.default_rng(seed)
    t = np.arange(WINDOW - 1) * DT_S
    wave = np.sin(2 * np.pi * rng.uniform(0.03, 0.3, 2) * t[:, None] + rng.uniform(0, 6, 2))
    action = (wave * [0.25, 0.2 / v0])[None]
    states = driven(v0, action, integrator)
    label = fit(states, integrator)
    assert label.ade[0] < 0.02
    again = rollout(label.v0, label.action, DT_S, integrator)[..., :3]
    np.testing.assert_allclose(label.trajectory, again, atol=1e-12)


@pytest.mark.parametrize("integrator", INTEGRATORS)
@settings(max_examples=15, deadline=None)
@given(
    turn=st.floats(-7, 7), east=st.floats(-1e5, 1e5), laps=st.integers(-2, 2), scale=st.booleans()
)
def test_frame_does_not_matter(integrator, turn, east, laps, scale):
    states, _ = drives("turn", 2)
    moved = states.copy()
    cos, sin = np.cos(turn), np.sin(turn)
    moved[..., :2] = states[..., :2] @ np.array([[cos, sin], [-sin, cos]]) + [east, -east / 3]
    moved[..., 2] += turn + 2 * np.pi * laps
    if scale:
        moved[..., 2] = np.arctan2(np.sin(moved[..., 2]), np.cos(moved[..., 2]))
    one, other = fit(states, integrator), fit(moved, integrator)
    np.testing.assert_allclose(one.action, other.action, atol=1e-5)
    np.testing.assert_allclose(one.trajectory, other.trajectory, atol=1e-5)


@pytest.mark.parametrize("integrator", INTEGRATORS)
def test_a_window_does_not_depend_on_its_batch(integrator):
    states = np.concatenate([drives(kind, 3)[0] for kind in KINDS])
    together = fit(states, integrator)
    for i in (0, 7, len(states) - 1):
        alone = fit(states[i : i + 1], integrator)
        np.testing.assert_array_equal(alone.action[0], together.action[i])


@pytest.mark.parametrize("integrator", INTEGRATORS)
def test_standstill_with_a_drifting_heading_has_no_curvature(integrator):
    """The failure of NVlabs/alpamayo#113: heading noise over no distance."""
    rng = np.random.default_rng(0)
    states = np.zeros((50, WINDOW, 4))
    states[..., :2] = rng.normal(size=(50, WINDOW, 2)) * 1e-3
    states[..., 2] = np.cumsum(rng.normal(size=(50, WINDOW)) * 5e-3, -1)
    label = fit(states, integrator)
    np.testing.assert_array_equal(label.action[..., 1], 0.0)
    assert np.abs(label.action[:, :-1, 0]).max() < 2.0
    assert label.valid.all()


def test_the_guard_of_the_reference_is_strict_at_60_cm_a_second():
    n = 5
    action = np.tile([0.0, 0.1], (n, WINDOW - 1, 1))
    speeds = np.array([0.0, 0.3, 0.55, 0.65, 2.0])
    curvature = fit(driven(speeds, action, "trapezoid"), "trapezoid").action[..., 1]
    assert (curvature[:3] == 0).all()
    assert (curvature[3:] > 0).all()


def test_the_guard_needs_both_ends_of_a_step_to_move():
    action = np.tile([-1.0, 0.1], (1, WINDOW - 1, 1))
    states = driven([6.05], action, "trapezoid")
    curvature = fit(states, "trapezoid").action[0, :, 1]
    speed = states[0, T0:, 3]
    moving = np.minimum(np.abs(speed[:-1]), np.abs(speed[1:])) >= 0.6
    np.testing.assert_array_equal(curvature != 0, moving)


def ridge(rows, data, order, smooth, weight, first=None):
    """Dense least squares of one series, the first value fixed where given."""
    n = rows.shape[1]
    penalty = np.sqrt(smooth / DT_S ** (2 * order)) * np.diff(np.eye(n), order, axis=0)
    free = np.sqrt(weight) * np.eye(n)[0 if first is None else 1 :]
    left = np.concatenate([rows, penalty, free])
    right = np.concatenate([data, np.zeros(len(penalty) + len(free))])
    if first is None:
        return np.linalg.lstsq(left, right)[0]
    rest = np.linalg.lstsq(left[:, 1:], right - left[:, 0] * first)[0]
    return np.concatenate([[first], rest])


def test_trapezoid_solves_the_problems_of_the_reference():
    """The same four problems, posed as stacked residuals and solved densely."""
    states, _ = drives("turn", 1)
    states = states[0, T0:]
    theta = ridge(np.eye(65), states[:, 2] - states[0, 2], 3, 1e-6, 1e-8, 0.0)
    cos, sin = np.cos(states[0, 2]), np.sin(states[0, 2])
    velocity = np.diff(states[:, :2], axis=0) @ np.array([[cos, -sin], [sin, cos]]) * 2 / DT_S
    rows = np.zeros((64, 2, 65))
    for i in range(64):
        for j in (i, i + 1):
            rows[i, :, j] = np.cos(theta[j]), np.sin(theta[j])
    v = ridge(rows.reshape(-1, 65), velocity.ravel(), 3, 1e-6, 1e-4, states[0, 3])
    a = ridge(np.eye(64), np.diff(v) / DT_S, 2, 1e-4, 1e-4)
    k = ridge(np.diag(v[:-1] * DT_S + a * DT_S**2 / 2), np.diff(theta), 2, 1e-4, 1e-4)
    label = fit(drives("turn", 1)[0], "trapezoid")
    np.testing.assert_allclose(label.action[0], np.stack([a, k], -1), atol=1e-7)


@pytest.mark.parametrize("integrator", INTEGRATORS)
def test_reverse(integrator):
    action = np.tile([-0.2, 0.06], (1, WINDOW - 1, 1))
    states = driven([-1.0], action, integrator)
    for with_speed in (True, False):
        label = fit(states, integrator, with_speed)
        assert label.v0[0] == pytest.approx(states[0, T0, 3], abs=0.03)
        assert label.ade[0] < 0.02
        np.testing.assert_allclose(label.action[0, :60, 1], 0.06, atol=2e-3)
        assert label.valid[0]


def test_actions_are_clamped_and_called_out_of_bounds():
    action = np.tile([0.0, 0.5], (1, WINDOW - 1, 1))
    label = fit(driven([2.0], action, "euler"))
    assert np.abs(label.action[..., 1]).max() == MAX_CURVATURE
    assert label.reason == ["out of bounds"]
    assert not label.valid[0]


def test_a_label_off_its_path_is_invalid():
    states, _ = drives("cruise", 2)
    states[1, :, 2] += 0.1
    label = fit(states)
    assert label.reason == ["", "fit error"]
    assert label.max_error[1] > 1.0 > label.max_error[0]


@pytest.mark.parametrize("with_speed", [True, False])
def test_a_broken_window_leaves_the_others_alone(with_speed):
    states, _ = drives("turn", 3)
    clean = fit(states, with_speed=with_speed)
    states[1, 40, 0] = np.nan
    label = fit(states, with_speed=with_speed)
    assert label.reason == ["", "nan", ""]
    assert label.valid.tolist() == [True, False, True]
    for name in ("v0", "action", "trajectory", "ade", "fde", "max_error"):
        got, expected = getattr(label, name), getattr(clean, name)
        np.testing.assert_array_equal(got[[0, 2]], expected[[0, 2]])
        assert np.isnan(got[1]).all()


def test_no_window():
    label = fit(np.zeros((0, WINDOW, 4)))
    assert label.action.shape == (0, HORIZON, 2)
    assert label.trajectory.shape == (0, HORIZON, 3)
    assert label.reason == []


def test_wrong_shapes_are_told():
    with pytest.raises(UserError, match=r"xy has shape \(1, 79, 2\), expected \(N, 80, 2\)"):
        fit(np.zeros((1, 79, 4)))
    with pytest.raises(UserError, match=r"yaw has shape \(1, 80, 1\), expected \(1, 80\)"):
        fit_actions(np.zeros((1, 80, 2)), np.zeros((1, 80, 1)), None, DT_S, "euler", 1.0)


@pytest.mark.skipif(not REAL.exists(), reason="the recorded windows are not here")
@pytest.mark.parametrize(
    ("suffix", "ade_m", "max_ade_m", "fde_m"),
    [("", 0.8680, 1.043, 1.7169), ("_al", 0.0553, 0.111, 0.0930)],
)
def test_parity_with_the_reference_on_recorded_driving(suffix, ade_m, max_ade_m, fde_m):
    with np.load(REAL, allow_pickle=False) as data:
        xy = np.stack([data["x" + suffix], data["y" + suffix]], -1)
        yaw, speed = data["yaw" + suffix], data["v" + suffix]
    label = fit_actions(xy, yaw, None, DT_S, "trapezoid", 10.0)
    assert label.ade.mean() == pytest.approx(ade_m, rel=0.01)
    assert label.ade.max() == pytest.approx(max_ade_m, rel=0.01)
    assert label.fde.mean() == pytest.approx(fde_m, rel=0.01)
    np.testing.assert_allclose(label.v0, speed[:, T0], atol=0.3)
    euler = fit_actions(xy, yaw, speed, DT_S, "euler", 10.0)
    assert euler.ade.mean() == pytest.approx(ade_m, rel=0.03)
