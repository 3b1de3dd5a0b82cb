"""Images, command and state to the keys and values that SmolVLA's action expert sees."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from lerobot.policies.smolvla.configuration_smolvla import SmolVLAConfig
from lerobot.policies.smolvla.modeling_smolvla import VLAFlowMatching
from torch import Tensor, nn

from avvla.policy.fused_layers import Block, Heads, Memory, additive, fused, modules, rotation
from avvla.policy.fused_vision import Vision


class Inputs(NamedTuple):
    """A batch of B as the network takes it."""

    images: tuple[Tensor, ...]
    """Of each camera (B, 3, S, S) in 0..1."""
    shown: tuple[Tensor, ...]
    """Of each camera (B,) whether it has an image."""
    absent: int
    """Cameras without images, of which nothing but their frame of special tokens is seen."""
    tokens: Tensor
    """(B, L) of the command."""
    told: Tensor
    """(B, L) which tokens are no padding."""
    state: Tensor
    """(B, max_state_dim) in network units."""


class Encoder(nn.Module):
    """Vision and language model, no further than the action expert reads it.

    Args:
        model: LeRobot's network.
        heads: how the attention of every layer is divided.
        sources: the language layers whose keys and values are read.
        dtype: of the transformers' weights.
    """

    def __init__(
        self, model: VLAFlowMatching, heads: Heads, sources: list[int], dtype: torch.dtype
    ) -> None:
        super().__init__()
        network = model.vlm_with_expert.get_vlm_model()
        text, config = network.text_model, model.config
        self.heads, self.sources, self.dtype = heads, sources, dtype
        self.vision = Vision(network.vision_model, network.connector, sides(config), dtype)
        self.blocks = modules(
            Block(layer, heads, own_keys=True, dtype=dtype)
            for layer in text.layers[: sources[-1] + 1]
        )
        self.words = nn.Parameter(
            text.get_input_embeddings().weight.detach().to(dtype, copy=True), requires_grad=False
        )
        self.scale = self.words.shape[1] ** 0.5
        self.state = fused([model.state_proj])
        self.framed = config.add_image_special_tokens
        tokens = torch.cat([model.global_image_start_token, model.image_end_token])
        self.frame = nn.Parameter(
            self.words.detach()[tokens.to(self.words.device)], requires_grad=False
        )

    def forward(self, inputs: Inputs) -> tuple[list[Memory], Tensor]:
        """Keys and values of each of `sources`, and which of their P tokens are no padding (B, P).

        The state comes last, and only itself sees it.
        """
        hidden, valid = self._embed(inputs)
        seen = valid[:, None].repeat(1, valid.shape[1], 1)
        seen[:, :-1, -1] = False
        mask = additive(seen, self.heads, self.dtype)
        turn = rotation(valid.cumsum(1) - 1, self.heads.width, self.dtype)
        memories = []
        for layer, block in enumerate(self.blocks):
            query, memory = block.queries_and_memory(hidden, turn)
            if layer in self.sources:
                memories.append(memory)
            if layer < self.sources[-1]:
                hidden = block(hidden, query, memory, mask)
        return memories, valid

    def _embed(self, inputs: Inputs) -> tuple[Tensor, Tensor]:
        """(B, P, width) tokens, and which are no padding."""
        batch = len(inputs.state)
        frame = self.frame.expand(batch, -1, -1)
        parts, valid = [], []
        for image, shown in zip(inputs.images, inputs.shown, strict=True):
            tokens = self.vision(image)
            visible = shown[:, None].expand(-1, tokens.shape[1])
            if self.framed:
                tokens = torch.cat([frame[:, :2], tokens, frame[:, 2:]], 1)
                visible = F.pad(visible, (2, 1), value=True)
            parts.append(tokens)
            valid.append(visible)
        if self.framed and inputs.absent:
            parts.append(frame.repeat(1, inputs.absent, 1))
            valid.append(valid[0].new_ones(parts[-1].shape[:2]))
        command = F.embedding(inputs.tokens, self.words) * self.scale
        state = self.state(inputs.state).to(self.dtype)[:, None]
        there = torch.ones(batch, 1, dtype=torch.bool, device=state.device)
        return torch.cat([*parts, command, state], 1), torch.cat([*valid, inputs.told, there], 1)


def sides(config: SmolVLAConfig) -> set[int]:
    """Sides of the square images that the network is given [px]."""
    if config.resize_imgs_with_padding is not None:
        return {config.resize_imgs_with_padding[0]}
    return {camera.shape[-1] for camera in config.image_features.values()}
