"""Real-time chunking: a new plan that goes on as the one before it does.

While a plan is made, the first d actions of what is left of the old one are driven, so the new one
has to begin with them, and from there it should part from it smoothly (Black, Galliker and Levine
2025, arXiv 2506.07339, algorithm 1). With time t from 1 to 0, tau = 1 - t, velocity v and left-over
actions Y, each Euler step of the flow is taken with

    v' = v - min(g, most) W (Y - (x - t v)),   g = ((1 - tau)^2 + tau^2) / (tau (1 - tau))

The paper has the Jacobian of the estimate x - t v in front of the difference; LeRobot takes the
identity for it, and so does this. `most` is the number of steps: more would overshoot in one.
"""

from __future__ import annotations

import torch
from torch import Tensor

from avvla.policy.fused_flow import Flow, Prefix


def weights(delay: int, horizon: int, length: int) -> Tensor:
    """(length,) W: 1 for `delay` steps, falling in a line to 0 at `horizon`, then 0."""
    begin = min(delay, horizon)
    falling = torch.linspace(1, 0, horizon - begin + 2)[1:-1]
    parts = [torch.ones(begin), falling, torch.zeros(max(length - horizon, 0))]
    return torch.cat(parts)[:length]


def guided(
    flow: Flow, noise: Tensor, biases: Tensor, prefix: Prefix, left: Tensor, weight: Tensor
) -> Tensor:
    """Actions (B, T, max_action_dim) by one guided Euler step for each of `biases`.

    Args:
        flow: the network.
        noise: (B, T, max_action_dim) start of the flow.
        biases: (steps, width) as in `Flow.forward`.
        prefix: what the plan is for.
        left: (B, T, max_action_dim) what is left of the plan before, from the new one's begin on.
        weight: (T,) of `weights`.
    """
    x, steps = noise, len(biases)
    for step, bias in enumerate(biases):
        tau = step / steps
        velocity = flow.velocity(x, bias, prefix)
        missing = (left - (x - (1 - tau) * velocity)) * weight[:, None]
        x = x - (velocity - _strength(tau, float(steps)) * missing) / steps
    return x


def _strength(tau: float, most: float) -> float:
    return most if tau == 0 else min(((1 - tau) ** 2 + tau**2) / (tau * (1 - tau)), most)
