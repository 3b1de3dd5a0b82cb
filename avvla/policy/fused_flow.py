"""SmolVLA's action expert for inference: the flow from noise to actions over a cached prefix.

Keys and values that cross-attention makes of the prefix do not depend on the flow's time, so they
are made once. The time enters the first layer as a bias, of which there is one for each Euler step.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from lerobot.policies.common.vla_utils import create_sinusoidal_pos_embedding
from lerobot.policies.smolvla.modeling_smolvla import VLAFlowMatching
from torch import Tensor, nn

from avvla.policy.fused_layers import (
    Block,
    Heads,
    Memory,
    Rotation,
    additive,
    fused,
    modules,
    rotation,
)


class Prefix(NamedTuple):
    """What the expert sees of images, command and state, the same in every step of the flow."""

    memories: tuple[Memory, ...]
    """For each of the expert's layers."""
    own_mask: Tensor
    """Of layers that look at the prefix and at the actions up to their own."""
    cross_mask: Tensor
    """Of layers that look at the prefix alone."""
    turn: Rotation
    """Of the actions, which follow the prefix."""


class Flow(nn.Module):
    """The action expert.

    Args:
        model: LeRobot's network.
        heads: how the attention of every layer is divided.
        dtype: of the transformer's weights; those at its ends are float32, as in LeRobot.

    Attributes:
        sources: for each layer, the language layer whose keys and values it sees.
    """

    def __init__(self, model: VLAFlowMatching, heads: Heads, dtype: torch.dtype) -> None:
        super().__init__()
        joint = model.vlm_with_expert
        self.heads, self.dtype = heads, dtype
        self.length = model.config.chunk_size
        every = joint.num_vlm_layers // joint.num_expert_layers
        self.sources = [every * layer for layer in range(joint.num_expert_layers)]
        self.blocks = modules(
            Block(layer, heads, own_keys=_has_own_keys(joint, source), dtype=dtype)
            for layer, source in zip(joint.lm_expert.layers, self.sources, strict=True)
        )
        self._set_ends(model)
        position = torch.arange(self.length, device=self.action_in.device)
        self.turn = rotation(position[None], heads.width, dtype)

    def _set_ends(self, model: VLAFlowMatching) -> None:
        """The layers between actions and transformer."""
        expert, config = model.vlm_with_expert.lm_expert, model.config
        width = model.vlm_with_expert.expert_hidden_size
        of_action, of_time = model.action_time_mlp_in.weight.detach().double().split(width, 1)
        inner = model.action_in_proj
        self.action_in = nn.Parameter(
            (of_action @ inner.weight.detach().double()).float(), requires_grad=False
        )
        self._time_in = of_time
        bias = model.action_time_mlp_in.bias.detach()
        self._bias_in = of_action @ inner.bias.detach().double() + bias
        self._periods = (width, config.min_period, config.max_period)
        self.time_out = fused([model.action_time_mlp_out])
        self.norm_width, self.epsilon = expert.norm.weight.shape, expert.norm.variance_epsilon
        self.action_out = fused([model.action_out_proj], expert.norm.weight)

    @torch.no_grad()
    def biases(self, times: Tensor) -> Tensor:
        """(N, width) first layer's bias at times (N,)."""
        embedded = create_sinusoidal_pos_embedding(times, *self._periods, device=times.device)
        # LeRobot rounds the embedding before the product.
        biases: Tensor = embedded.float().double() @ self._time_in.T + self._bias_in
        return biases.float()

    def prefix(self, seen: list[Memory], valid: Tensor) -> Prefix:
        """Prepare what all steps share.

        Args:
            seen: keys and values of the language model, for each of `sources`.
            valid: (B, P) which tokens of the prefix are no padding.
        """
        batch = len(valid)
        memories = tuple(
            memory if block.own_keys else block.read(memory)
            for block, memory in zip(self.blocks, seen, strict=True)
        )
        across = valid[:, None].expand(-1, self.length, -1)
        steps = torch.ones(self.length, self.length, dtype=torch.bool, device=valid.device)
        causal = steps.tril().expand(batch, -1, -1)
        position = valid.sum(1, keepdim=True) + torch.arange(self.length, device=valid.device)
        return Prefix(
            memories,
            additive(torch.cat([across, causal], 2), self.heads, self.dtype),
            additive(across, self.heads, self.dtype),
            rotation(position, self.heads.width, self.dtype),
        )

    def velocity(self, x: Tensor, bias: Tensor, prefix: Prefix) -> Tensor:
        """The flow's velocity.

        Args:
            x: (B, T, max_action_dim) between noise and actions, float32.
            bias: (width,) of `biases` at the flow's time.
            prefix: what the plan is for.

        Returns:
            As `x`.
        """
        hidden = self.time_out(F.silu(F.linear(x, self.action_in, bias))).to(self.dtype)
        for block, memory in zip(self.blocks, prefix.memories, strict=True):
            if block.own_keys:
                query, own = block.queries_and_memory(hidden, prefix.turn)
                whole = Memory(*(torch.cat(pair, 2) for pair in zip(memory, own, strict=True)))
                hidden = block(hidden, query, whole, prefix.own_mask)
            else:
                query = block.queries(hidden, self.turn)
                hidden = block(hidden, query, memory, prefix.cross_mask)
        normed = F.rms_norm(hidden.float(), self.norm_width, None, self.epsilon)
        velocity: Tensor = self.action_out(normed)
        return velocity

    def forward(self, noise: Tensor, biases: Tensor, prefix: Prefix) -> Tensor:
        """Actions (B, T, max_action_dim) by one Euler step for each of `biases`."""
        x = noise
        for bias in biases:
            x = x - self.velocity(x, bias, prefix) / len(biases)
        return x


def _has_own_keys(joint: Any, layer: int) -> bool:
    """Whether the expert beside a language layer has keys of its own, as LeRobot decides it."""
    every: int = joint.self_attn_every_n_layers
    return "cross" not in joint.attention_mode or (every > 0 and layer % every == 0)
