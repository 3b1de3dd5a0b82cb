"""What goes between the process that drives and its child that holds CARLA's client.

Plain numbers and arrays in our axes: the world's frame is CARLA's mirrored in y
(`avvla.carla.axes`), the ego's point is the middle of its rear axle; metres, radians, seconds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from avvla.errors import UserError
from avvla.world.road_map import RoadMap

Array = NDArray[np.float64]


class ServerLostError(UserError):
    """The server, or the client of it, is gone: what was driven cannot go on."""


@dataclass(frozen=True)
class Opened:
    """What was found at the server."""

    version: str
    town: str
    road_map: RoadMap


@dataclass(frozen=True)
class Tick:
    """The world after a step."""

    frame: int
    """The server's count of its frames."""
    x: float
    y: float
    yaw: float
    """In [-pi, pi)."""
    speed: float
    """Along the heading, [m/s]."""
    lane_yaw: float
    """Of the nearest lane's direction."""
    off_road: bool
    """Whether the car's middle is on no lane for vehicles."""
    others: Array
    """(N, 7) x, y of the middle, yaw, length, width [m], velocity x, y [m/s]; sorted by id."""
    walking: NDArray[np.bool_]
    """(N,) which of the others are pedestrians."""
    lights: Array
    """(M, 3) x, y and state of the traffic lights: 0 red, 1 yellow, 2 green, 3 off, 4 unknown."""
    collisions: tuple[str, ...]
    """Blueprints of what was hit since the step before."""
    crossed: tuple[str, ...]
    """Lane markings that were crossed."""


@dataclass(frozen=True)
class Departure:
    """The start of a drive."""

    xy: Array
    """(n, 2) of the route, `avvla.world.curve.STEP_M` apart."""
    yaw: Array
    """(n,) along it, unwrapped."""
    commands: tuple[str, ...]
    """n, the command at each of them."""
    length: float
    width: float
    ahead: float
    """From the rear axle to the middle of the ego's box."""
    tick: Tick
    shortage: str
    """Of the others that were asked for, what could not be had; empty: nothing."""


@dataclass(frozen=True)
class Reading:
    """What a sensor said in a frame; see `avvla.carla.sensors` for the arrays."""

    frame: int
    data: NDArray[np.generic]
