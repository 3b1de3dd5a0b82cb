"""One Newton step of the joint fit, for many windows at once: a linear-quadratic problem.

Around a rollout the unicycle is linear. With d for "change of", step i maps (dx, dy, dyaw, dv) to

    dv'   = dv + dt da
    dyaw' = dyaw + arc dk + turn_v dv + turn_a da
    dp'   = dp + M[i] (dyaw, dv)  [+ M[i+1] (dyaw', dv') for trapezoid]

where M is the derivative of the velocity v (cos yaw, sin yaw), times dt for euler and dt / 2 for
trapezoid. The cost is quadratic in the states, in the controls and in the change of a control from
one step to the next, so the cost-to-go before step i is a quadratic form of dx, dy, dyaw, dv and
of da, dk of the step before. Bellman's recursion (Riccati's equation) carries it from the last
step to the first and eliminates da[i] and dk[i] on the way; a pass forward reads them off. That
is linear in the number of steps; the normal equations of all controls are dense and cost its cube.

Arrays have time before windows, so that every operation runs over all windows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from avvla.actions.unicycle import Integrator, Path, cos_sin

FloatArray = NDArray[np.float64]

# Rows and columns of the cost-to-go: a symmetric form, and as last column half of its linear part.
X, Y, YAW, SPEED, ACCELERATION, CURVATURE, ONE = range(7)


@dataclass(frozen=True, eq=False)
class Motion:
    """The unicycle of N windows, linearised around a rollout of T steps."""

    dt_s: float
    displacement: FloatArray
    """(2, 2, T + 1, N) M: derivatives of x and y by the heading [m] and by the speed [s]."""
    arc: FloatArray
    """(T, N) derivative of a turn by the curvature [m], 0 where the vehicle stands."""
    turn_by_speed: FloatArray
    """(T, N) derivative of a turn by the speed [s/m]."""
    turn_by_acceleration: FloatArray | None
    """(T, N) the same by the acceleration [s^2/m]; None for euler, which has no such term."""


@dataclass(frozen=True, eq=False)
class Cost:
    """The cost of N windows up to second order: weight d^2 + 2 slope d of each change d."""

    yaw_weight: float
    """Of a heading; the weight of a position is 1."""
    state_slope: FloatArray
    """(3, T, N) of x, y and heading after each step."""
    link_weight: FloatArray
    """(2, T, N) of the change of a control from the step before; 0 for the first."""
    link_slope: FloatArray
    """(2, T, N)."""
    control_weight: FloatArray
    """(2, N) of a control itself, damping included."""
    control_slope: FloatArray
    """(2, T, N)."""
    start_weight: FloatArray
    """(N,) of the initial speed, damping included."""
    start_slope: FloatArray
    """(N,)."""
    bound: FloatArray
    """(2, T, N) 1 where a control is at its upper bound, -1 at its lower, else 0."""


def linearise(
    path: Path[np.float64],
    curvature: FloatArray,
    moving: NDArray[np.bool_],
    dt_s: float,
    integrator: Integrator,
) -> Motion:
    """The motion around `path`, that of curvatures (N, T) in the steps that are `moving` (N, T)."""
    trapezoid = integrator == "trapezoid"
    turning = np.ascontiguousarray((curvature * moving).T)
    cos, sin = cos_sin(np.ascontiguousarray(path.yaw.T))
    speed = np.ascontiguousarray(path.speed.T)
    displacement = np.stack([-sin * speed, cos, cos * speed, sin]).reshape(2, 2, *cos.shape)
    displacement *= dt_s / 2 if trapezoid else dt_s
    return Motion(
        dt_s=dt_s,
        displacement=displacement,
        arc=np.ascontiguousarray((path.arc * moving).T),
        turn_by_speed=turning * dt_s,
        turn_by_acceleration=turning * (dt_s**2 / 2) if trapezoid else None,
    )


def newton_step(motion: Motion, cost: Cost) -> tuple[FloatArray, FloatArray]:
    """Change of the initial speed (N,) and of acceleration and curvature (2, T, N)."""
    steps, windows = motion.arc.shape
    value = np.zeros((6, 7, windows))
    gains = np.empty((steps, 2, 7, windows))
    products = np.empty_like(value)
    for i in reversed(range(steps)):
        value[X, X] += 1
        value[Y, Y] += 1
        value[YAW, YAW] += cost.yaw_weight
        value[: YAW + 1, ONE] += cost.state_slope[:, i]
        for into, source, factor in _replacements(motion, i):
            value[:, into] += value[:, source, None] * factor
        for into, source, factor in _replacements(motion, i):
            value[into] += value[source] * factor[:, None]
        for control in (ACCELERATION, CURVATURE):
            _eliminate(value, cost, i, control, gains[i, control - ACCELERATION], products)
    start = -(value[SPEED, ONE] + cost.start_slope) / (value[SPEED, SPEED] + cost.start_weight)
    return start, _controls(motion, gains, start)


def _replacements(motion: Motion, i: int) -> list[tuple[slice, int, FloatArray]]:
    """Step i as additions in this order of `factor` times column `source` to columns `into`."""
    yaw_speed = slice(YAW, SPEED + 1)
    euler = [
        (slice(ACCELERATION, CURVATURE), SPEED, np.array([[motion.dt_s]])),
        (slice(CURVATURE, ONE), YAW, motion.arc[i, None]),
        (slice(SPEED, ACCELERATION), YAW, motion.turn_by_speed[i, None]),
        (yaw_speed, X, motion.displacement[X, :, i]),
        (yaw_speed, Y, motion.displacement[Y, :, i]),
    ]
    if motion.turn_by_acceleration is None:
        return euler
    return [
        (yaw_speed, X, motion.displacement[X, :, i + 1]),
        (yaw_speed, Y, motion.displacement[Y, :, i + 1]),
        (slice(ACCELERATION, CURVATURE), YAW, motion.turn_by_acceleration[i, None]),
        *euler,
    ]


def _eliminate(
    value: FloatArray, cost: Cost, i: int, control: int, gain: FloatArray, products: FloatArray
) -> None:
    """Minimise over a control of step i; its place in `value` is that of the step before then.

    Args:
        value: (6, 7, N) cost-to-go.
        cost: of all steps.
        i: the step.
        control: ACCELERATION or CURVATURE.
        gain: (7, N) is set to the row by which the control answers: -gain (dx, ..., 1).
        products: (6, 7, N) scratch.
    """
    channel = control - ACCELERATION
    weight, slope = cost.link_weight[channel, i], cost.link_slope[channel, i]
    row = value[control].copy()
    row[ONE] += slope + cost.control_slope[channel, i]
    # A control at a bound that the cost pushes against stays there: nothing is eliminated.
    free = row[ONE] * cost.bound[channel, i] >= 0
    inverse = free / (row[control] + weight + cost.control_weight[channel])
    row[control] = -weight
    np.multiply(row, inverse, out=gain)
    value[control] = value[:, control] = 0
    value[control, control] = weight
    value[control, ONE] = -slope
    np.multiply(row[:ONE, None], gain, out=products)
    value -= products


def _controls(motion: Motion, gains: FloatArray, start: FloatArray) -> FloatArray:
    """(2, T, N) changes of the controls after a change `start` (N,) of the initial speed."""
    state = np.zeros((7, len(start)))
    state[SPEED], state[ONE] = start, 1
    controls = np.empty((2, len(gains), len(start)))
    for i, gain in enumerate(gains):
        # Eliminated last, curvature answers to the step before only, acceleration to both.
        for control in (CURVATURE, ACCELERATION):
            channel = control - ACCELERATION
            state[control] = controls[channel, i] = -(gain[channel] * state).sum(0)
        state[:YAW] += (motion.displacement[:, :, i] * state[YAW : SPEED + 1]).sum(1)
        state[YAW] += motion.turn_by_speed[i] * state[SPEED] + motion.arc[i] * state[CURVATURE]
        state[SPEED] += motion.dt_s * state[ACCELERATION]
        if motion.turn_by_acceleration is not None:
            state[YAW] += motion.turn_by_acceleration[i] * state[ACCELERATION]
            state[:YAW] += (motion.displacement[:, :, i + 1] * state[YAW : SPEED + 1]).sum(1)
    return controls
