"""The step of the recursion is the minimum of the same quadratic function, solved densely."""

import numpy as np
import pytest

from avvla.actions.riccati import Cost, linearise, newton_step
from avvla.actions.unicycle import INTEGRATORS, integrate

T, N, DT = 7, 3, 0.1


def some_problem(integrator, seed=0):
    """A rollout (v0, control (2, N, T), moving), its motion, and a cost around it."""
    rng = np.random.default_rng(seed)
    v0 = rng.uniform(-3, 9, N)
    control = np.stack([rng.normal(0, scale, (N, T)) for scale in (2, 0.2)])
    moving = rng.random((N, T)) > 0.2
    path = integrate(v0, control[0], control[1] * moving, DT, integrator)
    motion = linearise(path, control[1], moving, DT, integrator)
    link_weight = rng.uniform(0.1, 2, (2, T, N))
    link_weight[:, 0] = 0
    cost = Cost(
        yaw_weight=2.5,
        state_slope=rng.normal(size=(3, T, N)),
        link_weight=link_weight,
        link_slope=link_weight * rng.normal(size=(2, T, N)),
        control_weight=rng.uniform(0.1, 1, (2, N)),
        control_slope=rng.normal(size=(2, T, N)),
        start_weight=rng.uniform(0.1, 1, N),
        start_slope=rng.normal(size=N),
        bound=np.zeros((2, T, N)),
    )
    return (v0, control, moving), motion, cost


def derivative(v0, control, moving, integrator):
    """(3 T, 1 + 2 T) of x, y and yaw by v0, accelerations and curvatures of one window."""

    def drive(z):
        a, k = z[1:].reshape(2, T)
        path = integrate(z[:1], a[None], (k * moving)[None], DT, integrator)
        return np.concatenate([path.x[0], path.y[0], path.yaw[0, 1:]])

    z, step = np.concatenate([[v0], control.ravel()]), 1e-6
    shifts = np.eye(len(z)) * step
    return np.stack([(drive(z + s) - drive(z - s)) / (2 * step) for s in shifts], -1)


def minimum(jacobian, cost, i, held=()):
    """Of weight d^2 + 2 slope d summed, over d = (v0, accelerations, curvatures) of window i."""
    weight = np.diag(np.repeat([1, 1, cost.yaw_weight], T))
    normal = jacobian.T @ weight @ jacobian
    slope = jacobian.T @ cost.state_slope[..., i].ravel()
    normal[0, 0] += cost.start_weight[i]
    slope[0] += cost.start_slope[i]
    change = np.eye(T) - np.eye(T, k=-1)
    for c in range(2):
        at = slice(1 + c * T, 1 + (c + 1) * T)
        normal[at, at] += change.T @ np.diag(cost.link_weight[c, :, i]) @ change
        normal[at, at] += cost.control_weight[c, i] * np.eye(T)
        slope[at] += change.T @ cost.link_slope[c, :, i] + cost.control_slope[c, :, i]
    free = np.setdiff1d(np.arange(len(slope)), held)
    d = np.zeros(len(slope))
    d[free] = np.linalg.solve(normal[np.ix_(free, free)], -slope[free])
    return d, normal @ d + slope


@pytest.mark.parametrize("integrator", INTEGRATORS)
def test_is_the_minimum(integrator):
    (v0, control, moving), motion, cost = some_problem(integrator)
    start, controls = newton_step(motion, cost)
    for i in range(N):
        jacobian = derivative(v0[i], control[:, i], moving[i], integrator)
        expected, _ = minimum(jacobian, cost, i)
        found = np.concatenate([start[i, None], controls[..., i].ravel()])
        np.testing.assert_allclose(found, expected, atol=1e-7)


@pytest.mark.parametrize("integrator", INTEGRATORS)
def test_what_is_pushed_against_a_bound_stays(integrator):
    (v0, control, moving), motion, cost = some_problem(integrator)
    cost.bound[0, 2] = cost.bound[1, 4] = 1
    cost.bound[0, 5] = -1
    start, controls = newton_step(motion, cost)
    assert (controls[0, 2] <= 0).all()
    assert (controls[1, 4] <= 0).all()
    assert (controls[0, 5] >= 0).all()
    held = 0
    for i in range(N):
        still = [1 + c * T + t for c, t in ((0, 2), (1, 4), (0, 5)) if controls[c, t, i] == 0]
        jacobian = derivative(v0[i], control[:, i], moving[i], integrator)
        expected, _ = minimum(jacobian, cost, i, still)
        found = np.concatenate([start[i, None], controls[..., i].ravel()])
        np.testing.assert_allclose(found, expected, atol=1e-7)
        held += len(still)
    assert held > 0
