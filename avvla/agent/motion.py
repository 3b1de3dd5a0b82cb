"""What the vehicle does, what it is asked to do, and what is around it.

All positions are in one frame that stands still, such as a map's or that of the start of the drive:
x, y [m], headings [rad] counter-clockwise, of the middle of the rear axle for the ego and of the
middle of the box for others.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
import shapely
from numpy.typing import NDArray

Array = NDArray[np.float64]

FASTEST = 100.0
"""No road vehicle drives faster [m/s]."""


@dataclass(frozen=True)
class State:
    """Pose and speed of the ego."""

    x: float
    y: float
    yaw: float
    speed: float
    """[m/s], not negative"""

    @property
    def sane(self) -> bool:
        """Whether every number is one that a road vehicle can have."""
        numbers = (self.x, self.y, self.yaw, self.speed)
        return all(map(math.isfinite, numbers)) and abs(self.speed) <= FASTEST


@dataclass(frozen=True)
class Action:
    """What is driven for one tick."""

    acceleration: float
    """[m/s^2]"""
    curvature: float
    """[1/m], left positive"""


STANDSTILL = Action(0.0, 0.0)
AT_ORIGIN = State(0.0, 0.0, 0.0, 0.0)


@dataclass(frozen=True)
class Body:
    """The ego's box."""

    length: float = 4.6
    width: float = 1.85
    ahead: float = 1.3
    """From the rear axle to the middle of the box [m]."""


@dataclass(frozen=True)
class Surroundings:
    """Known obstacles and the drivable area, as far as they are known."""

    obstacles: Array = field(default_factory=lambda: np.zeros((0, 7)))
    """(N, 7) x, y, yaw, length, width [m], velocity x, y [m/s]."""
    drivable: shapely.Geometry | None = None
    """None: not known, so nothing is kept off."""

    def __post_init__(self) -> None:
        if self.obstacles.ndim != 2 or self.obstacles.shape[1] != 7:
            raise ValueError(f"obstacles have shape {self.obstacles.shape}, expected (N, 7)")


NOTHING = Surroundings()
