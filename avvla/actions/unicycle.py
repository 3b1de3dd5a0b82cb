"""The kinematic unicycle: from an initial speed and 64 actions to a path.

State (x [m], y [m], yaw [rad], v [m/s]); action (acceleration a [m/s^2], curvature k [1/m]);
frame `local`: the pose at t0 is (0, 0, 0), x forward, y left, yaw counter-clockwise. Step i of
length dt, with the heading vector u = (cos yaw, sin yaw):

    v[i+1]   = v[i] + a[i] dt
    yaw[i+1] = yaw[i] + k[i] s[i]

    euler:      s[i] = v[i] dt                   p[i+1] = p[i] + dt v[i] u[i]
    trapezoid:  s[i] = v[i] dt + a[i] dt^2 / 2   p[i+1] = p[i] + dt/2 (v[i] u[i] + v[i+1] u[i+1])

`euler` is this project's vehicle; `trapezoid` decodes the labels of Alpamayo (arXiv 2511.00088,
UnicycleAccelCurvatureActionSpace). Nothing is clamped: a negative speed is reverse driving.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from avvla.errors import one_of

HORIZON = 64
DT_S = 0.1

Integrator = Literal["euler", "trapezoid"]
INTEGRATORS: tuple[Integrator, ...] = get_args(Integrator)


@dataclass(frozen=True, eq=False)
class Path[Number: np.floating]:
    """A rollout, channel by channel: what holds at the T + 1 ends of the steps, start included."""

    x: NDArray[Number]
    """(..., T) position after each step [m]."""
    y: NDArray[Number]
    """(..., T) position after each step [m]."""
    yaw: NDArray[Number]
    """(..., T + 1) heading [rad], the first 0."""
    speed: NDArray[Number]
    """(..., T + 1) speed [m/s]."""
    arc: NDArray[Number]
    """(..., T) distance of each step that its curvature acts on [m]."""


def check_integrator(name: str) -> Integrator:
    """`name` as an integrator.

    Raises:
        UserError: `name` is none of `INTEGRATORS`.
    """
    return one_of("integrator", name, INTEGRATORS)


def rollout(
    v0: ArrayLike, action: ArrayLike, dt_s: float = DT_S, integrator: str = "euler"
) -> NDArray[Any]:
    """Drive `action` from the local pose (0, 0, 0) at speed `v0`.

    Args:
        v0: (...,) speed at t0 [m/s], broadcast to the batch of `action`.
        action: (..., T, 2) acceleration [m/s^2] and curvature [1/m] of each step.
        dt_s: length of a step [s].
        integrator: `euler` or `trapezoid`.

    Returns:
        (..., T, 4) state (x, y, yaw, v) after each step, local frame; float32 where `action` is,
        float64 otherwise.

    Raises:
        UserError: unknown integrator.
    """
    kind = check_integrator(integrator)
    action = np.asarray(action)
    precision = np.float32 if action.dtype == np.float32 else np.float64
    acceleration, curvature = np.moveaxis(action, -1, 0).astype(precision, order="C")
    path = integrate(np.asarray(v0, precision), acceleration, curvature, dt_s, kind)
    states = np.empty((*acceleration.shape, 4), precision)
    states[..., 0], states[..., 1] = path.x, path.y
    states[..., 2], states[..., 3] = path.yaw[..., 1:], path.speed[..., 1:]
    return states


def integrate[Number: np.floating](
    v0: NDArray[Number],
    acceleration: NDArray[Number],
    curvature: NDArray[Number],
    dt_s: float,
    integrator: Integrator,
) -> Path[Number]:
    """The equations above along the last axis: v0 (...,), acceleration and curvature (..., T)."""
    speed = speeds(v0, acceleration, dt_s)
    arc = speed[..., :-1] * dt_s
    if integrator == "trapezoid":
        arc += acceleration * (dt_s**2 / 2)
    yaw = np.zeros_like(speed)
    np.cumsum(curvature * arc, -1, out=yaw[..., 1:])
    x, y = (_travelled(direction * speed, dt_s, integrator) for direction in cos_sin(yaw))
    return Path(x, y, yaw, speed, arc)


def _travelled[Number: np.floating](
    velocity: NDArray[Number], dt_s: float, integrator: Integrator
) -> NDArray[Number]:
    """(..., T) positions from the velocities (..., T + 1) along one axis."""
    distance: NDArray[Number] = np.multiply(velocity[..., :-1], dt_s, dtype=velocity.dtype)
    if integrator == "trapezoid":
        distance += velocity[..., 1:] * dt_s
        distance /= 2
    return np.cumsum(distance, -1, out=distance)


def speeds[Number: np.floating](
    v0: NDArray[Number], acceleration: NDArray[Number], dt_s: float
) -> NDArray[Number]:
    """(..., T + 1) speeds [m/s] from the start on: v0 (...,), acceleration (..., T)."""
    speed = np.empty((*acceleration.shape[:-1], acceleration.shape[-1] + 1), acceleration.dtype)
    speed[..., 0] = v0
    np.multiply(acceleration, dt_s, out=speed[..., 1:])
    return np.cumsum(speed, -1, out=speed)


def cos_sin[Number: np.floating](
    angle: NDArray[Number],
) -> tuple[NDArray[Number], NDArray[Number]]:
    """Cosine and sine, by the tangent of half the angle: cos = (1 - t^2) / (1 + t^2).

    In double precision numpy has a vectorised tangent only, which is ten times faster.
    """
    half = np.tan(angle / 2)
    square = half * half
    below = 1 + square
    return (1 - square) / below, (half + half) / below


def length[Number: np.floating](x: NDArray[Number], y: NDArray[Number]) -> NDArray[Number]:
    """Length of vectors (...,) [m]; `np.hypot` also bears 1e200 m and takes twice the time."""
    found: NDArray[Number] = np.sqrt(x * x + y * y)
    return found


def step(state: ArrayLike, action: ArrayLike, dt_s: float = DT_S) -> NDArray[np.float64]:
    """One Euler step, in whatever frame `state` is in.

    Args:
        state: (..., 4) x, y [m], yaw [rad], v [m/s].
        action: (..., 2) acceleration [m/s^2], curvature [1/m].
        dt_s: length of the step [s].

    Returns:
        (..., 4) state after the step.
    """
    x, y, yaw, v = np.moveaxis(np.asarray(state, np.float64), -1, 0)
    acceleration, curvature = np.moveaxis(np.asarray(action, np.float64), -1, 0)
    return np.stack(
        [
            x + v * np.cos(yaw) * dt_s,
            y + v * np.sin(yaw) * dt_s,
            yaw + v * curvature * dt_s,
            v + acceleration * dt_s,
        ],
        -1,
    )
