"""The networks that drive, in plain torch: trained within RLlib's modules, run without Ray.

Pictures are (B, H, W, C) uint8 and scaled to [0, 1] inside.
"""

from __future__ import annotations

import itertools
import math
from typing import Literal

import torch
from torch import Tensor, nn

from avvla.record import Record


class Shape(Record):
    """All that a network's layers follow from."""

    kind: Literal["q", "gaussian"]
    picture: tuple[int, int, int]
    """Height, width and channels."""
    actions: int
    """How many there are to choose from, or how many numbers one has."""
    conv: tuple[tuple[int, int, int], ...]
    """Channels, side of the kernel and stride."""
    hidden: tuple[int, ...]
    dueling: bool = False
    first_std: float = 1.0
    """Standard deviation of a new policy's actions."""


class Encoder(nn.Module):
    """Pictures to features (B, width)."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        height, width, channels = shape.picture
        layers: list[nn.Module] = []
        for filters, kernel, stride in shape.conv:
            layers += [nn.Conv2d(channels, filters, kernel, stride), nn.ReLU()]
            channels = filters
            height, width = (math.floor((n - kernel) / stride) + 1 for n in (height, width))
            if min(height, width) < 1:
                raise ValueError("the picture is too small for the convolutions")
        self.conv = nn.Sequential(*layers)
        widths = (channels * height * width, *shape.hidden)
        dense = [(nn.Linear(a, b), nn.ReLU()) for a, b in itertools.pairwise(widths)]
        self.dense = nn.Sequential(*itertools.chain.from_iterable(dense))

    def forward(self, picture: Tensor) -> Tensor:
        """Features of a batch of pictures."""
        scaled = picture.float().permute(0, 3, 1, 2) / 255.0
        features: Tensor = self.dense(self.conv(scaled).flatten(1))
        return features


class QNetwork(nn.Module):
    """Values of all actions (B, actions)."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.encoder = Encoder(shape)
        self.advantage = nn.Linear(shape.hidden[-1], shape.actions)
        self.value = nn.Linear(shape.hidden[-1], 1) if shape.dueling else None

    def forward(self, picture: Tensor) -> Tensor:
        """Q of each action; with a value head V + A - mean A (Wang et al. 2016, equation 9)."""
        features = self.encoder(picture)
        advantage: Tensor = self.advantage(features)
        if self.value is None:
            return advantage
        value: Tensor = self.value(features)
        return value + advantage - advantage.mean(dim=-1, keepdim=True)

    def act(self, picture: Tensor) -> Tensor:
        """The best action (B,)."""
        values: Tensor = self(picture)
        return values.argmax(dim=-1)


class GaussianNetwork(nn.Module):
    """Means of a Gaussian over actions in [-1, 1], with one trained width for each number."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.encoder = Encoder(shape)
        self.mean = nn.Linear(shape.hidden[-1], shape.actions)
        nn.init.normal_(self.mean.weight, std=0.01)
        nn.init.zeros_(self.mean.bias)
        self.log_std = nn.Parameter(torch.full((shape.actions,), math.log(shape.first_std)))

    def forward(self, picture: Tensor) -> Tensor:
        """Mean and logarithm of the width, (B, 2 actions)."""
        return self.of_features(self.encoder(picture))

    def of_features(self, features: Tensor) -> Tensor:
        """As `forward`, of features that are there."""
        mean: Tensor = self.mean(features)
        return torch.cat([mean, self.log_std.expand_as(mean)], dim=-1)

    def act(self, picture: Tensor) -> Tensor:
        """The mean action, clipped (B, actions)."""
        mean: Tensor = self.mean(self.encoder(picture))
        return mean.clamp(-1.0, 1.0)


def make_network(shape: Shape) -> QNetwork | GaussianNetwork:
    """The network of a shape, drawn anew from torch's generator."""
    return QNetwork(shape) if shape.kind == "q" else GaussianNetwork(shape)
