"""CARLA as an `Arena`: what reinforcement learning drives in."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from avvla.carla.settings import CarlaSettings
from avvla.carla.world import CarlaWorld
from avvla.world.above import EGO, VEHICLE, WALKER, Above, Colour, outline
from avvla.world.arena import Arena
from avvla.world.interface import Metrics, View


def make_arena(settings: CarlaSettings) -> Arena:
    """An arena in a CARLA server.

    Raises:
        UserError: no server can be had, or it is not what the settings ask for.
    """
    return CarlaArena(CarlaWorld(settings))


class CarlaArena:
    """One trip after the other.

    Args:
        world: open.
    """

    def __init__(self, world: CarlaWorld) -> None:
        self.world, self._above = world, Above(world.road_map)

    @property
    def heading_error_rad(self) -> float:
        """The ego's yaw relative to the direction of its lane, left positive, in [-pi, pi)."""
        return self.world.heading_error_rad

    def reset(self, seed: int) -> None:
        """Start a drive."""
        self.world.reset(self.world.settings.trip, seed)

    def observe(self) -> View:
        """What the driver sees now; its frame is empty where the camera is off."""
        return self.world.observe()

    def birds_eye(self, size_px: int, radius_m: float) -> NDArray[np.uint8]:
        """See `avvla.world.arena.Arena`."""
        tick = self.world.tick
        ego = (tick.x, tick.y, tick.yaw)
        return self._above.view(ego, self._boxes(), size_px, radius_m, tick.lights)

    def _boxes(self) -> Iterator[tuple[NDArray[np.float64], Colour]]:
        tick, departure = self.world.tick, self.world.departure
        for row, walks in zip(tick.others, tick.walking, strict=True):
            x, y, yaw, length, width = row[:5].tolist()
            yield outline(x, y, yaw, length, width), WALKER if walks else VEHICLE
        hero = tick.x, tick.y, tick.yaw, departure.length, departure.width
        yield outline(*hero, ahead=departure.ahead), EGO

    def step(self, acceleration: float, curvature: float) -> None:
        """Drive one action, m/s^2 and 1/m, for 0.1 s."""
        self.world.step(acceleration, curvature)

    def metrics(self) -> Metrics:
        """The measures of the drive so far."""
        return self.world.metrics()

    def close(self) -> None:
        """Take our actors out of the world; a server of our own ends."""
        self.world.close()
