"""What the network thinks the plan is, seen from one step of the flow, and how rough it is.

With x_t = t noise + (1 - t) action and the velocity v, which aims at noise - action (SmolVLA, arXiv
2506.01844), the action is estimated in one step: a0 = x_t - t v. Terms of the loss that concern the
plan itself are taken on a0, which has a gradient, and weigh 1 - t, as at t = 1 it is a guess from
noise.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from lerobot.policies.smolvla.modeling_smolvla import VLAFlowMatching
from torch import Tensor


@contextmanager
def velocities(model: VLAFlowMatching) -> Iterator[list[Tensor]]:
    """What the network's output layer gives within the block, each (B, T, max_action_dim)."""
    seen: list[Tensor] = []
    hook = model.action_out_proj.register_forward_hook(
        lambda _module, _inputs, output: seen.append(output)
    )
    try:
        yield seen
    finally:
        hook.remove()


def estimate(action: Tensor, noise: Tensor, time: Tensor, velocity: Tensor) -> Tensor:
    """(B, T, D) a0 of actions and noise (B, T, D) at times (B,)."""
    t = time[:, None, None]
    return t * noise + (1 - t) * action - t * velocity


def roughness(action: Tensor, inside: Tensor | None = None) -> Tensor:
    """Mean square of the second difference of a chunk over its steps and components.

    Args:
        action: (B, T, D) with T of 3 or more.
        inside: (B, T) which steps lie within the episode; None: all of them.

    Returns:
        (B,); 0 where fewer than three steps lie within the episode.
    """
    bend = (action[:, 2:] - 2 * action[:, 1:-1] + action[:, :-2]).square().mean(-1)
    if inside is None:
        return bend.mean(-1)
    counted = inside[:, 2:].to(bend.dtype)  # an episode ends once: the two before are within it too
    return (bend * counted).sum(-1) / counted.sum(-1).clamp_min(1)
