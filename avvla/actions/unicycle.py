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

from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from avvla.errors import UserError

HORIZON = 64
DT_S = 0.1

Integrator = Literal["euler", "trapezoid"]
INTEGRATORS: tuple[Integrator, ...] = get_args(Integrator)


def check_integrator(name: str) -> Integrator:
    """`name` as an integrator.

    Raises:
        UserError: `name` is none of `INTEGRATORS`.
    """
    for integrator in INTEGRATORS:
        if name == integrator:
            return integrator
    raise UserError(f"integrator is {name!r}, expected {' or '.join(INTEGRATORS)}")


def rollout(
    v0: ArrayLike, action: ArrayLike, dt_s: float = DT_S, integrator: str = "euler"
) -> NDArray[np.float64]:
    """Drive `action` from the local pose (0, 0, 0) at speed `v0`.

    Args:
        v0: (...,) speed at t0 [m/s], broadcast to the batch of `action`.
        action: (..., T, 2) acceleration [m/s^2] and curvature [1/m] of each step.
        dt_s: length of a step [s].
        integrator: `euler` or `trapezoid`.

    Returns:
        (..., T, 4) state (x, y, yaw, v) after each step, local frame.

    Raises:
        UserError: unknown integrator.
    """
    kind = check_integrator(integrator)
    acceleration, curvature = np.moveaxis(np.asarray(action, np.float64), -1, 0)
    start = np.broadcast_to(np.asarray(v0, np.float64), acceleration.shape[:-1])[..., None]
    speed = np.concatenate([start, start + dt_s * np.cumsum(acceleration, -1)], -1)
    arc = speed[..., :-1] * dt_s
    if kind == "trapezoid":
        arc = arc + acceleration * (dt_s**2 / 2)
    turned = np.cumsum(curvature * arc, -1)
    yaw = np.concatenate([np.zeros_like(start), turned], -1)
    velocity = speed[..., None] * np.stack([np.cos(yaw), np.sin(yaw)], -1)
    mean_velocity = velocity[..., :-1, :]
    if kind == "trapezoid":
        mean_velocity = (mean_velocity + velocity[..., 1:, :]) / 2
    position = dt_s * np.cumsum(mean_velocity, -2)
    return np.concatenate([position, turned[..., None], speed[..., 1:, None]], -1)


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
