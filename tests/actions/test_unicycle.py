import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from avvla.actions.unicycle import (
    DT_S,
    HORIZON,
    INTEGRATORS,
    cos_sin,
    integrate,
    rollout,
    speeds,
    step,
)
from avvla.errors import UserError


def some_actions(seed, *shape):
    return np.random.default_rng(seed).normal(size=(*shape, HORIZON, 2)) * [1.0, 0.03]


@given(st.integers(0, 2**32 - 1), st.floats(-5, 30))
def test_euler_rollout_repeats_the_step(seed, v0):
    action = some_actions(seed)
    state = np.array([0.0, 0.0, 0.0, v0])
    steps = []
    for one in action:
        state = step(state, one)
        steps.append(state)
    np.testing.assert_allclose(rollout(v0, action), steps, atol=1e-9)


def test_step_works_in_the_frame_of_its_state():
    state = step([3.0, 4.0, math.pi / 2, 10.0], [2.0, 0.05])
    np.testing.assert_allclose(state, [3.0, 5.0, math.pi / 2 + 0.05, 10.2])


@pytest.mark.parametrize("integrator", INTEGRATORS)
def test_batch_dimensions_are_those_of_the_input(integrator):
    action = some_actions(1, 3, 2)
    v0 = np.arange(6.0).reshape(3, 2)
    states = rollout(v0, action, integrator=integrator)
    assert states.shape == (3, 2, HORIZON, 4)
    one = rollout(v0[2, 1], action[2, 1], integrator=integrator)
    np.testing.assert_array_equal(states[2, 1], one)


def test_trapezoid_is_the_decoder_of_the_reference():
    """The recursion of the reference, written out step by step."""
    action, v, theta, p = some_actions(2), 7.0, 0.0, np.zeros(2)
    expected = []
    for a, k in action:
        v_next = v + a * DT_S
        theta_next = theta + k * (v * DT_S + a * DT_S**2 / 2)
        u, u_next = ((math.cos(t), math.sin(t)) for t in (theta, theta_next))
        p = p + DT_S / 2 * (v * np.array(u) + v_next * np.array(u_next))
        v, theta = v_next, theta_next
        expected.append([*p, theta, v])
    np.testing.assert_allclose(rollout(7.0, action, integrator="trapezoid"), expected, atol=1e-12)


@pytest.mark.parametrize(("integrator", "order"), [("euler", 1), ("trapezoid", 2)])
def test_error_against_the_circle_falls_with_the_order(integrator, order):
    def error(steps):
        action = np.tile([0.0, 0.1], (steps, 1))
        end = rollout(5.0, action, 4.0 / steps, integrator)[-1, :2]
        return np.linalg.norm(end - [10 * math.sin(2.0), 10 * (1 - math.cos(2.0))])

    assert error(40) / error(80) == pytest.approx(2**order, rel=0.05)


def test_reverse_drives_backwards_and_turns_with_the_distance():
    states = rollout(-2.0, np.tile([0.0, 0.05], (HORIZON, 1)))
    assert states[-1, 0] < 0
    assert states[-1, 2] == pytest.approx(-2.0 * DT_S * HORIZON * 0.05)


@pytest.mark.parametrize("integrator", INTEGRATORS)
def test_single_precision_stays_single_and_close(integrator):
    action, v0 = some_actions(4, 20), np.linspace(-2, 20, 20)
    single = rollout(v0.astype(np.float32), action.astype(np.float32), integrator=integrator)
    assert single.dtype == np.float32
    double = rollout(v0, action, integrator=integrator)
    assert double.dtype == rollout(1, np.zeros((4, 2), int)).dtype == np.float64
    np.testing.assert_allclose(single, double, atol=1e-3)


@pytest.mark.parametrize("integrator", INTEGRATORS)
def test_channels_are_those_of_the_rollout(integrator):
    action, v0 = some_actions(5, 3), np.array([-1.0, 0.0, 8.0])
    path = integrate(v0, action[..., 0], action[..., 1], DT_S, integrator)
    states = rollout(v0, action, integrator=integrator)
    parts = (path.x, path.y, path.yaw[:, 1:], path.speed[:, 1:])
    np.testing.assert_array_equal(np.stack(parts, -1), states)
    np.testing.assert_array_equal(path.speed, speeds(v0, action[..., 0], DT_S))
    np.testing.assert_allclose(np.diff(path.yaw), action[..., 1] * path.arc, atol=1e-12)


@given(st.floats(-50, 50))
def test_cosine_and_sine(angle):
    cos, sin = cos_sin(np.array([angle, np.pi, -np.pi, 0.0]))
    expected = [angle, np.pi, -np.pi, 0.0]
    np.testing.assert_allclose(cos, np.cos(expected), atol=1e-14)
    np.testing.assert_allclose(sin, np.sin(expected), atol=1e-14)


def test_unknown_integrator_is_told():
    with pytest.raises(UserError, match=r"'rk4', expected euler or trapezoid"):
        rollout(1.0, np.zeros((HORIZON, 2)), integrator="rk4")
