"""What every world offers to whoever drives in it: reset, observe, step, metrics.

A world is the place and the physics, the embedded one or a simulator behind the same four methods;
what it is reset to differs, hence the type parameter. Judging a drive is not its work: it measures.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class View:
    """What a driver is given at one moment.

    Args:
        frame: (H, W, 3) uint8 RGB of the front wide camera.
        speed_mps: measured speed.
        heading_change_rad: heading now relative to 1.5 s ago, left positive.
        command: the command in force.
    """

    frame: NDArray[np.uint8]
    speed_mps: float
    heading_change_rad: float
    command: str


@dataclass(frozen=True)
class Metrics:
    """Raw measures of the drive so far.

    Args:
        time_s: since the reset.
        s_m: arc length along the route.
        lateral_m: distance from the route's curve, left positive.
        lane_offset_m: distance from the centre of the lane to be in, left positive.
        collided: whether the car has touched another vehicle.
        off_road: whether the car has left the drivable surface.
        finished: whether the route's end is reached.
    """

    time_s: float
    s_m: float
    lateral_m: float
    lane_offset_m: float
    collided: bool
    off_road: bool
    finished: bool


class World[ScenarioT](Protocol):
    """One ego vehicle in one scenario, stepped at 10 Hz."""

    def reset(self, scenario: ScenarioT, *key: int) -> None:
        """Start the scenario; equal keys give equal drives."""
        ...

    def observe(self) -> View:
        """What the driver sees now."""
        ...

    def step(self, acceleration: float, curvature: float) -> None:
        """Drive one action, m/s^2 and 1/m, for 0.1 s."""
        ...

    def metrics(self) -> Metrics:
        """The measures of the drive so far."""
        ...
