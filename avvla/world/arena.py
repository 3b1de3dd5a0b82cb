"""What every world offers to reinforcement learning: a drive from a seed, and a view from above."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from avvla.world.interface import Metrics, View


class Arena(Protocol):
    """One ego vehicle in drives that a seed decides, stepped at 10 Hz.

    An arena holds what its world needs to be told (families, town, weather, traffic), so that who
    learns in it needs to know only seeds, actions and measures.
    """

    @property
    def heading_error_rad(self) -> float:
        """The ego's yaw relative to the direction of its lane, left positive, in [-pi, pi)."""
        ...

    def reset(self, seed: int) -> None:
        """Start a drive; equal seeds give equal drives as far as the world can promise it."""
        ...

    def observe(self) -> View:
        """What the driver sees now."""
        ...

    def birds_eye(self, size_px: int, radius_m: float) -> NDArray[np.uint8]:
        """The surroundings from above, (size_px, size_px, 3) uint8 RGB.

        The ego's heading points up and the picture is 2 radius_m wide; its centre lies radius_m / 2
        ahead of the ego.
        """
        ...

    def step(self, acceleration: float, curvature: float) -> None:
        """Drive one action, m/s^2 and 1/m, for 0.1 s."""
        ...

    def metrics(self) -> Metrics:
        """The measures of the drive so far."""
        ...

    def close(self) -> None:
        """Give back what the world holds; the arena is of no use after it."""
        ...
