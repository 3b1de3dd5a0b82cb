"""Layers of SmolVLA's transformers for inference, with fewer and larger operations.

What may be done once is done when a layer is made: projections of the same input are one matrix,
and the weight of an RMS norm is in the matrix after it. What remains differs from LeRobot's layers
in rounding alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from avvla.errors import UserError

ROPE_WAVELENGTH = 10_000.0
"""LeRobot's, whatever `rope_theta` the backbone has."""

ROW_GAP = 16
"""Unused numbers between the lines of a float32 weight in memory."""


class Rotation(NamedTuple):
    """Rotary embedding of positions (..., L), each (..., L, 1, D) for heads of width D."""

    cosine: Tensor
    sine: Tensor
    """The first half with a minus, so that one multiplication serves both halves."""


class Memory(NamedTuple):
    """Keys and values (B, key heads, S, D) that queries look at."""

    keys: Tensor
    values: Tensor


class Heads(NamedTuple):
    """How an attention is divided; `queries` is a multiple of `keys`."""

    queries: int
    keys: int
    width: int


def fused(
    linears: Sequence[nn.Linear], norm: Tensor | None = None, dtype: torch.dtype = torch.float32
) -> nn.Linear:
    """One layer with the outputs of several side by side, frozen.

    Args:
        linears: layers of the same input.
        norm: (inputs,) weight of the norm before them.
        dtype: of the result; products are taken in float32.

    Raises:
        UserError: a layer is more than its weight, as one with an adapter is.
    """
    for layer in linears:
        if type(layer) is not nn.Linear:
            raise UserError(
                f"a layer is of type {type(layer).__name__}, expected Linear: save the policy and"
                " load its checkpoint, which has the adapters in the weights"
            )
    weight = torch.cat([layer.weight.detach().float() for layer in linears])
    if norm is not None:
        weight = weight * norm.detach().float()
    biases = [layer.bias for layer in linears]
    outputs, inputs = weight.shape
    layer = nn.Linear(inputs, outputs, bias=biases[0] is not None, device="meta")
    layer.weight = nn.Parameter(_laid_out(weight.to(dtype)), requires_grad=False)
    if biases[0] is not None:
        bias = torch.cat([bias.detach() for bias in biases])
        layer.bias = nn.Parameter(bias.to(dtype), requires_grad=False)
    return layer


def _laid_out(weight: Tensor) -> Tensor:
    """A weight as it is read fastest.

    Float32 matrices lie in memory input by input: on a CPU few tokens are then multiplied up to 1.4
    times as fast. The gap keeps inputs from lying a power of two apart, where they would compete
    for the same lines of the cache.
    """
    if weight.dtype != torch.float32:
        return weight
    outputs, inputs = weight.shape
    lines = weight.new_empty(inputs, outputs + ROW_GAP)[:, :outputs]
    return lines.copy_(weight.T).T


def modules[M: nn.Module](several: Iterable[M]) -> Sequence[M]:
    """A ModuleList that keeps the type of its modules."""
    return cast("Sequence[M]", nn.ModuleList(several))


def rotation(position: Tensor, width: int, dtype: torch.dtype) -> Rotation:
    """Rotary embedding (Su et al. 2021) of positions (..., L) for heads of `width`."""
    half = width // 2
    index = torch.arange(half, dtype=torch.float32, device=position.device)
    angle = position[..., None].float() / ROPE_WAVELENGTH ** (index * (2 / width))
    sine, cosine = angle.sin(), angle.cos()
    return Rotation(
        torch.cat([cosine, cosine], -1)[..., None, :].to(dtype),
        torch.cat([-sine, sine], -1)[..., None, :].to(dtype),
    )


def rotate(x: Tensor, by: Rotation) -> Tensor:
    """(B, L, heads, D) turned by the positions of its tokens."""
    return torch.addcmul(x * by.cosine, x.roll(x.shape[-1] // 2, -1), by.sine)


def additive(seen: Tensor, heads: Heads, dtype: torch.dtype) -> Tensor:
    """Mask for `attend` from (B, L, S) booleans: which keys a query sees."""
    groups = heads.queries // heads.keys
    mask = torch.zeros(seen.shape, dtype=dtype, device=seen.device)
    mask = mask.masked_fill(~seen, -torch.inf)
    return mask.repeat_interleave(groups, dim=1)[:, None]


def attend(query: Tensor, memory: Memory, heads: Heads, mask: Tensor | None) -> Tensor:
    """Softmax attention of (B, L, query heads, D) to a memory.

    Query heads that share a key head are laid behind one another as further queries, so keys and
    values are never repeated.

    Args:
        query: rotated queries.
        memory: what they look at.
        heads: how they are divided.
        mask: of `additive`.

    Returns:
        (B, L, query heads * D).
    """
    batch, length = query.shape[:2]
    split = query.view(batch, length, heads.keys, -1, heads.width).transpose(1, 2)
    folded = split.reshape(batch, heads.keys, -1, heads.width)
    seen = F.scaled_dot_product_attention(folded, *memory, attn_mask=mask)
    return seen.view(split.shape).transpose(1, 2).reshape(batch, length, -1)


class Block(nn.Module):
    """One layer of a Llama: attention and gated MLP, each after an RMS norm.

    Args:
        layer: transformers' LlamaDecoderLayer.
        heads: how its attention is divided.
        own_keys: whether its tokens are keys too; else they look at another layer's alone, made
            into keys and values of this one by `read`.
        dtype: of the weights.
    """

    def __init__(self, layer: Any, heads: Heads, *, own_keys: bool, dtype: torch.dtype) -> None:
        super().__init__()
        attention, mlp = layer.self_attn, layer.mlp
        before, after = layer.input_layernorm, layer.post_attention_layernorm
        projections = [attention.q_proj]
        if own_keys:
            projections += [attention.k_proj, attention.v_proj]
        else:
            self.keys = fused([attention.k_proj], dtype=dtype)
            self.values = fused([attention.v_proj], dtype=dtype)
        self.heads, self.own_keys = heads, own_keys
        self.width = before.weight.shape
        self.epsilon = before.variance_epsilon
        self.project = fused(projections, before.weight, dtype)
        self.output = fused([attention.o_proj], dtype=dtype)
        self.gate_up = fused([mlp.gate_proj, mlp.up_proj], after.weight, dtype)
        self.down = fused([mlp.down_proj], dtype=dtype)
        self.activation = mlp.act_fn

    def normed(self, hidden: Tensor) -> Tensor:
        """RMS norm, its weight left to the matrix that follows."""
        return F.rms_norm(hidden, self.width, None, self.epsilon)

    def queries(self, hidden: Tensor, turn: Rotation) -> Tensor:
        """(B, L, query heads, D) of a layer without keys of its own."""
        projected = self.project(self.normed(hidden))
        return rotate(projected.view(*hidden.shape[:2], -1, self.heads.width), turn)

    def queries_and_memory(self, hidden: Tensor, turn: Rotation) -> tuple[Tensor, Memory]:
        """(B, L, query heads, D), and the tokens as keys and values."""
        queries, keys, width = self.heads
        projected = self.project(self.normed(hidden)).view(*hidden.shape[:2], -1, width)
        turned = rotate(projected[:, :, : queries + keys], turn)
        memory = Memory(
            turned[:, :, queries:].transpose(1, 2),
            projected[:, :, queries + keys :].transpose(1, 2),
        )
        return turned[:, :, :queries], memory

    def read(self, memory: Memory) -> Memory:
        """Another layer's keys and values as this layer's."""
        keys, values = (part.transpose(1, 2).flatten(2) for part in memory)
        shape = (self.heads.keys, self.heads.width)
        return Memory(
            self.keys(keys).unflatten(-1, shape).transpose(1, 2),
            self.values(values).unflatten(-1, shape).transpose(1, 2),
        )

    def forward(self, hidden: Tensor, query: Tensor, memory: Memory, mask: Tensor) -> Tensor:
        """(B, L, width) after attention and MLP."""
        hidden = hidden + self.output(attend(query, memory, self.heads, mask))
        gate, up = self.gate_up(self.normed(hidden)).chunk(2, -1)
        result: Tensor = hidden + self.down(self.activation(gate) * up)
        return result
