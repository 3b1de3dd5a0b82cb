"""SmolVLM's vision encoder and connector for inference."""

from __future__ import annotations

from collections.abc import Iterable
from copy import deepcopy
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from avvla.policy.fused_layers import fused, modules


class VisionLayer(nn.Module):
    """One layer of the encoder.

    Args:
        layer: transformers' SmolVLMEncoderLayer.
        dtype: of the weights.
    """

    def __init__(self, layer: Any, dtype: torch.dtype) -> None:
        super().__init__()
        attention, mlp = layer.self_attn, layer.mlp
        self.heads = attention.num_heads
        self.before = deepcopy(layer.layer_norm1).to(dtype)
        self.project = fused([attention.q_proj, attention.k_proj, attention.v_proj], dtype=dtype)
        self.output = fused([attention.out_proj], dtype=dtype)
        self.after = deepcopy(layer.layer_norm2).to(dtype)
        self.up = fused([mlp.fc1], dtype=dtype)
        self.down = fused([mlp.fc2], dtype=dtype)
        self.activation = mlp.activation_fn

    def forward(self, hidden: Tensor) -> Tensor:
        """(B, N, width) of N patches."""
        projected = self.project(self.before(hidden)).unflatten(-1, (3, self.heads, -1))
        query, key, value = projected.permute(2, 0, 3, 1, 4)
        seen = F.scaled_dot_product_attention(query, key, value)
        hidden = hidden + self.output(seen.transpose(1, 2).flatten(2))
        result: Tensor = hidden + self.down(self.activation(self.up(self.after(hidden))))
        return result


class Vision(nn.Module):
    """Square images to tokens of the language model.

    The network sees 2 x - 1 of an image x in 0..1. Its first layer is linear, so the factor is in
    the weight, and the rest is the layer's output for a black image, position embedding included.

    Args:
        vision: transformers' SmolVLMVisionTransformer.
        connector: transformers' SmolVLMConnector.
        sides: of the images to come [px].
        dtype: of the weights.
    """

    def __init__(
        self, vision: Any, connector: Any, sides: Iterable[int], dtype: torch.dtype
    ) -> None:
        super().__init__()
        patches, projection = vision.embeddings, connector.modality_projection.proj
        kernel = patches.patch_embedding.weight.detach()
        self.patch, self.shuffle = patches.patch_size, connector.scale_factor
        self.embed = nn.Parameter((2 * kernel.float()).flatten(1).to(dtype), requires_grad=False)
        self.black = {side: _black(patches, side).to(dtype) for side in sides}
        self.layers = modules(VisionLayer(layer, dtype) for layer in vision.encoder.layers)
        self.norm = deepcopy(vision.post_layernorm).to(dtype)
        self.connect = fused([projection], dtype=dtype)
        self.connect.weight.data *= projection.out_features**0.5  # LeRobot's scale of image tokens

    def forward(self, image: Tensor) -> Tensor:
        """Tokens (B, N / shuffle^2, text width) of images (B, 3, S, S) in 0..1."""
        batch, channels, side, _ = image.shape
        count = side // self.patch
        tiles = image.view(batch, channels, count, self.patch, count, self.patch)
        flat = tiles.permute(0, 2, 4, 1, 3, 5).reshape(batch, count**2, -1).to(self.embed.dtype)
        hidden = F.linear(flat, self.embed) + self.black[side]
        for layer in self.layers:
            hidden = layer(hidden)
        edge, rows = self.shuffle, count // self.shuffle
        squares = self.norm(hidden).view(batch, rows, edge, rows, edge, -1).transpose(2, 3)
        tokens: Tensor = self.connect(squares.reshape(batch, rows**2, -1))
        return tokens


@torch.no_grad()
def _black(patches: Any, side: int) -> Tensor:
    """(1, N, width) the first layer's output for a black image."""
    kernel = patches.patch_embedding.weight
    count = side // patches.patch_size
    image = -torch.ones(1, 3, side, side, dtype=kernel.dtype, device=kernel.device)
    whole = torch.ones(1, count, count, dtype=torch.bool, device=kernel.device)
    black: Tensor = patches(image, whole)
    return black
