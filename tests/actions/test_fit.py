"""Both methods behind one function: what holds for any label, and bad input."""

import numpy as np
import pytest
from drives import KINDS, drives
from hypothesis import given, settings
from hypothesis import strategies as st

from avvla.actions.fit import METHODS, T0, WINDOW, fit_actions
from avvla.actions.unicycle import DT_S, HORIZON, INTEGRATORS, rollout
from avvla.actions.validity import MAX_ACCELERATION, MAX_CURVATURE, STANDSTILL_MPS
from avvla.errors import UserError

BOTH = pytest.mark.parametrize("method", METHODS)
EACH = pytest.mark.parametrize("integrator", INTEGRATORS)


def fit(states, integrator="euler", method="joint", with_speed=True):
    speed = states[..., 3] if with_speed else None
    return fit_actions(states[..., :2], states[..., 2], speed, DT_S, integrator, 1.0, method)


def driven(v_start, action, integrator="euler"):
    """States (N, 80, 4) of actions (N, 79, 2) from the origin."""
    states = rollout(v_start, action, DT_S, integrator)
    first = np.zeros((len(states), 1, 4))
    first[..., 3] = np.reshape(v_start, (-1, 1))
    return np.concatenate([first, states], 1)


def steady(n, a, k):
    """(n, 79, 2) of one acceleration and one curvature."""
    return np.tile([float(a), float(k)], (n, WINDOW - 1, 1))


def assert_a_label(label, integrator):
    """Finite, inside the bounds, straight at standstill, and its trajectory is its rollout."""
    done = np.isfinite(label.max_error)
    action, v0 = label.action[done], label.v0[done]
    assert np.isfinite(action).all()
    assert (np.abs(action) <= [MAX_ACCELERATION, MAX_CURVATURE]).all()
    states = rollout(v0, action, DT_S, integrator)
    np.testing.assert_array_equal(label.trajectory[done], states[..., :3])
    speed = np.concatenate([v0[:, None], states[..., 3]], 1)
    slow = np.abs(speed) < STANDSTILL_MPS
    return action[..., 1], slow[:, 1:] | slow[:, :-1]


def hard_cases():
    """Driving that no unicycle does, or that has no curvature, by name: states (N, 80, 4)."""
    rng = np.random.default_rng(0)
    n = 12
    still = np.zeros((n, WINDOW, 4))
    drifting, shaken = still.copy(), still.copy()
    drifting[..., 2] = np.cumsum(rng.normal(size=(n, WINDOW)) * 0.01, 1)
    shaken[..., :2] = rng.normal(size=(n, WINDOW, 2)) * 0.02
    creeping = driven(np.full(n, 0.2), steady(n, 0, 0.1))
    creeping[..., 2] += rng.normal(size=(n, WINDOW)) * 0.005
    hard = steady(n, 0, 0)
    hard[:, 40:46, 0] = -15
    slipping = driven(np.full(n, 15.0), steady(n, 0.2, 0.01))
    slipping[..., 2] += 0.3
    noisy = driven(np.full(n, 8.0), steady(n, 0, 0.02))
    noisy[..., :2] += rng.normal(size=(n, WINDOW, 2)) * 0.3
    mistaken = driven(np.full(n, 10.0), steady(n, 0, 0.02))
    mistaken[..., 3] = rng.uniform(-60, 60, (n, 1))
    backwards = driven(np.full(n, 10.0), steady(n, 0, 0.02))
    backwards[..., 2] += np.pi
    return {
        "still": still,
        "still, heading drifts": drifting,
        "still, position shakes": shaken,
        "creeping": creeping,
        "reverse": driven(np.full(n, -3.0), steady(n, -0.2, 0.08)),
        "stop and reverse": driven(np.full(n, 4.0), steady(n, -1.2, 0.1)),
        "reverse and go": driven(np.full(n, -4.0), steady(n, 1.2, 0.1)),
        "too tight": driven(np.full(n, 3.0), steady(n, 0, 0.4)),
        "too hard": driven(np.full(n, 20.0), hard),
        "70 m/s": driven(np.full(n, 69.9), steady(n, 0, 0)),
        "slipping": slipping,
        "noisy": noisy,
        "wrong speed": mistaken,
        "heading backwards": backwards,
    }


HARD = hard_cases()


@BOTH
@EACH
@pytest.mark.parametrize("name", HARD)
def test_a_label_or_a_reason_whatever_was_driven(name, integrator, method):
    label = fit(HARD[name], integrator, method)
    curvature, standing = assert_a_label(label, integrator)
    if method == "joint":
        np.testing.assert_array_equal(curvature[standing], 0)
    assert [reason == "" for reason in label.reason] == label.valid.tolist()
    assert label.max_error[label.valid].max(initial=0) <= 1.0
    if "still" in name:
        assert label.valid.all()
        np.testing.assert_array_equal(label.action[..., 1], 0)


@EACH
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


@EACH
def test_utm_coordinates(integrator):
    states, _ = drives("turn", 3)
    near = fit(states, integrator)
    states[..., :2] += [4.5e5, 1e7]
    far = fit(states, integrator)
    assert far.valid.all()
    np.testing.assert_allclose(far.action, near.action, atol=1e-3)


@BOTH
@EACH
def test_single_precision_of_the_input_is_enough(integrator, method):
    states, _ = drives("turn", 3)
    states[..., :2] -= states[:, :1, :2]
    one = fit(states, integrator, method)
    other = fit(states.astype(np.float32), integrator, method)
    np.testing.assert_allclose(one.trajectory, other.trajectory, atol=2e-3)
    assert other.valid.all()


def mixed():
    return np.concatenate([*(drives(kind, 3)[0] for kind in KINDS), *HARD.values()])


@BOTH
@EACH
def test_a_window_does_not_depend_on_its_batch(integrator, method):
    """To the last bit, in any order and any part."""
    states = mixed()
    together = fit(states, integrator, method)
    order = np.random.default_rng(0).permutation(len(states))
    parts = np.split(order, [1, 2, 5, 12, 40])
    for part in parts:
        some = fit(states[part], integrator, method)
        for name in ("v0", "action", "trajectory", "ade", "fde", "max_error"):
            whole = getattr(together, name)[part]
            assert getattr(some, name).tobytes() == whole.tobytes(), name


def test_twice_is_the_same():
    states = mixed()
    assert fit(states).action.tobytes() == fit(states).action.tobytes()


@BOTH
@EACH
def test_reverse(integrator, method):
    states = driven([-1.0], steady(1, -0.2, 0.06), integrator)
    for with_speed in (True, False):
        label = fit(states, integrator, method, with_speed)
        assert label.v0[0] == pytest.approx(states[0, T0, 3], abs=0.03)
        assert label.ade[0] < 0.03
        np.testing.assert_allclose(label.action[0, 5:60, 1], 0.06, atol=5e-3)
        assert label.valid[0]


@BOTH
def test_a_path_that_bounds_forbid_is_told(method):
    label = fit(driven([2.0], steady(1, 0, 0.5)), method=method)
    assert np.abs(label.action[..., 1]).max() == MAX_CURVATURE
    assert label.reason == ["out of bounds"]
    assert not label.valid[0]


def test_a_label_off_its_path_is_invalid():
    states, _ = drives("cruise", 2)
    states[1, :, 2] += 0.1
    label = fit(states, method="sequential")
    assert label.reason == ["", "fit error"]
    assert label.max_error[1] > 1.0 > label.max_error[0]


@BOTH
@pytest.mark.parametrize("with_speed", [True, False])
def test_a_broken_window_leaves_the_others_alone(method, with_speed):
    states, _ = drives("turn", 3)
    clean = fit(states, method=method, with_speed=with_speed)
    broken = states.repeat(6, 0)[[0, 1, 2, 3, 4, 5, 12]]
    broken[1, 40, 0] = np.nan
    broken[2, 30:33] = np.nan
    broken[3, 70:] = np.nan
    broken[4, 40:, 1] += 50
    broken[5, 7, 2] = np.inf
    label = fit(broken, method=method, with_speed=with_speed)
    assert label.reason == ["", "nan", "gap", "too short", "teleport", "nan", ""]
    assert label.valid.tolist() == [text == "" for text in label.reason]
    for name in ("v0", "action", "trajectory", "ade", "fde", "max_error"):
        got, expected = getattr(label, name), getattr(clean, name)
        np.testing.assert_array_equal(got[[0, 6]], expected[[0, 2]])
        assert np.isnan(got[1:6]).all()


@BOTH
@EACH
@pytest.mark.parametrize("with_speed", [True, False])
def test_no_window(integrator, method, with_speed):
    label = fit(np.zeros((0, WINDOW, 4)), integrator, method, with_speed)
    assert label.action.shape == (0, HORIZON, 2)
    assert label.trajectory.shape == (0, HORIZON, 3)
    assert label.reason == []


def test_wrong_arguments_are_told():
    with pytest.raises(UserError, match=r"xy has shape \(1, 79, 2\), expected \(N, 80, 2\)"):
        fit(np.zeros((1, 79, 4)))
    with pytest.raises(UserError, match=r"yaw has shape \(1, 80, 1\), expected \(1, 80\)"):
        fit_actions(np.zeros((1, 80, 2)), np.zeros((1, 80, 1)), None, DT_S, "euler", 1.0)
    with pytest.raises(UserError, match="method is 'dense', expected joint or sequential"):
        fit(np.zeros((1, 80, 4)), method="dense")
    for dt_s in (0.0, -0.1, np.nan, np.inf):
        with pytest.raises(UserError, match="the time between samples is"):
            fit_actions(np.zeros((1, 80, 2)), np.zeros((1, 80)), None, dt_s, "euler", 1.0)
