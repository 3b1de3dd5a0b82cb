"""Which held-out samples judge a training, drawn once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import torch
from lerobot.policies.smolvla.configuration_smolvla import SmolVLAConfig
from torch import Generator, Tensor

from avvla.config import Train


@dataclass(frozen=True)
class HeldOut:
    """Held-out samples, and the noise and times of the flow that they are given each time."""

    chosen: list[int]
    """Indices, ascending."""
    noise: Tensor
    """(B, chunk_size, max_action_dim)"""
    time: Tensor
    """(B,) in 0..1"""

    @classmethod
    def draw(cls, config: SmolVLAConfig, count: int, settings: Train) -> Self:
        """At most `train.val_samples` of `count` samples, from the seed."""
        size = min(count, settings.val_samples)
        generator = Generator().manual_seed(settings.seed)
        chosen = sorted(torch.randperm(count, generator=generator)[:size].tolist())
        shape = (size, config.chunk_size, config.max_action_dim)
        noise = torch.randn(shape, generator=generator)
        time = torch.rand(size, generator=generator) * 0.998 + 0.001
        return cls(chosen, noise, time)
