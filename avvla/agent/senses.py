"""What reaches the loop from the vehicle, and what is wrong with it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BLACK = 6.0
"""Mean of all pixels below which a picture shows nothing [0..255]."""
FROZEN_S, MOVING_MPS = 0.3, 1.0
"""A camera that has shown the same for so long while the vehicle moves is frozen."""


@dataclass(frozen=True)
class Seen:
    """One observation with its time."""

    time_s: float
    image: NDArray[np.uint8]
    """(S, S, 3) RGB, the square crop of the front wide camera."""
    speed_mps: float
    heading_change_rad: float


class Senses:
    """The newest observation that can be planned from: a mailbox of one."""

    def __init__(self) -> None:
        self.newest: Seen | None = None
        self._last_s = -math.inf
        self._picture: NDArray[np.uint8] | None = None
        self._since_s = 0.0

    def take(self, seen: Seen) -> str:
        """Put an observation in, or say why it is left out."""
        if not math.isfinite(seen.time_s):
            return "observation without a time"
        if seen.time_s <= self._last_s:
            return "observation out of order"
        self._last_s = seen.time_s
        if seen.image.dtype != np.uint8 or seen.image.ndim != 3 or seen.image.shape[2] != 3:
            return "camera picture has another form"
        if seen.image.mean() < BLACK:
            return "camera black"
        if not (math.isfinite(seen.speed_mps) and math.isfinite(seen.heading_change_rad)):
            return "state is not finite"
        same = self._picture is not None and np.array_equal(self._picture, seen.image)
        if not same:
            self._picture, self._since_s = seen.image, seen.time_s
        elif seen.speed_mps > MOVING_MPS and seen.time_s - self._since_s >= FROZEN_S - 1e-6:
            return "camera frozen"
        self.newest = seen
        return ""
