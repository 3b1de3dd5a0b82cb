"""The rollout of `avvla.actions.unicycle` on tensors: the same equations, differentiable."""

from __future__ import annotations

import torch
from torch import Tensor

from avvla.actions.unicycle import DT_S, check_integrator


def rollout(v0: Tensor, action: Tensor, dt_s: float = DT_S, integrator: str = "euler") -> Tensor:
    """Drive `action` from the local pose (0, 0, 0) at speed `v0`; no loop over time.

    Args:
        v0: (...,) speed at t0 [m/s], broadcast to the batch of `action`.
        action: (..., T, 2) acceleration [m/s^2] and curvature [1/m] of each step.
        dt_s: length of a step [s].
        integrator: `euler` or `trapezoid`.

    Returns:
        (..., T, 4) state (x, y, yaw, v) after each step, local frame, in the dtype of `action`.

    Raises:
        UserError: unknown integrator.
    """
    kind = check_integrator(integrator)
    acceleration, curvature = action.unbind(-1)
    start = v0.expand(acceleration.shape[:-1])[..., None]
    speed = torch.cat([start, start + dt_s * acceleration.cumsum(-1)], -1)
    arc = speed[..., :-1] * dt_s
    if kind == "trapezoid":
        arc = arc + acceleration * (dt_s**2 / 2)
    turned = (curvature * arc).cumsum(-1)
    yaw = torch.cat([torch.zeros_like(start), turned], -1)
    velocity = speed[..., None] * torch.stack([yaw.cos(), yaw.sin()], -1)
    mean_velocity = velocity[..., :-1, :]
    if kind == "trapezoid":
        mean_velocity = (mean_velocity + velocity[..., 1:, :]) / 2
    position = dt_s * mean_velocity.cumsum(-2)
    return torch.cat([position, turned[..., None], speed[..., 1:, None]], -1)
