"""The embedded world as an arena: a seed draws a family and one of its scenarios."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from avvla.config import Randomisation, Synthetic
from avvla.errors import one_of
from avvla.world.above import EGO, VEHICLE, Above, Colour, outline
from avvla.world.embedded import EGO_LENGTH_M, EGO_WIDTH_M, EmbeddedWorld
from avvla.world.interface import Metrics, View
from avvla.world.recording import synthetic_camera
from avvla.world.scenario import FAMILIES, PLAYED_KEY, draw_scenario
from avvla.world.traffic import REAR_OVERHANG_M


class EmbeddedArena:
    """An `avvla.world.arena.Arena`; equal seeds give equal drives to the bit.

    Args:
        families: scenario families that are drawn from.
        randomisation: widths of the domain randomisation; none by default.

    Raises:
        UserError: an unknown family.
    """

    def __init__(
        self, families: tuple[str, ...], randomisation: Randomisation | None = None
    ) -> None:
        self._families = [one_of("world.families", name, tuple(FAMILIES)) for name in families]
        self._world = EmbeddedWorld(synthetic_camera(Synthetic()), randomisation)

    @property
    def heading_error_rad(self) -> float:
        """The ego's yaw relative to the route's, left positive, in [-pi, pi)."""
        world = self._world
        _, _, yaw, _ = world.scenario.route.curve.at(world.s)
        return (world.yaw - yaw + math.pi) % math.tau - math.pi

    def reset(self, seed: int) -> None:
        """Start the drive of a seed."""
        rng = np.random.default_rng(seed)
        family = self._families[int(rng.integers(len(self._families)))]
        key = int(rng.integers(2**31))
        self._world.reset(draw_scenario(family, PLAYED_KEY, key), PLAYED_KEY, key)
        self._above = Above(self._world.scenario.road_map)

    def observe(self) -> View:
        """What the driver sees now."""
        return self._world.observe()

    def birds_eye(self, size_px: int, radius_m: float) -> NDArray[np.uint8]:
        """The surroundings from above, (size_px, size_px, 3) uint8 RGB."""
        ego = self._world.x, self._world.y, self._world.yaw
        return self._above.view(ego, self._boxes(), size_px, radius_m)

    def _boxes(self) -> Iterator[tuple[NDArray[np.float64], Colour]]:
        world = self._world
        for box in world.boxes():
            place = box.x, box.y, box.yaw, box.length, box.width
            yield outline(*place, ahead=box.length / 2), VEHICLE
        ego = world.x, world.y, world.yaw, EGO_LENGTH_M, EGO_WIDTH_M
        yield outline(*ego, ahead=EGO_LENGTH_M / 2 - REAR_OVERHANG_M), EGO

    def step(self, acceleration: float, curvature: float) -> None:
        """Drive one action for 0.1 s."""
        self._world.step(acceleration, curvature)

    def metrics(self) -> Metrics:
        """The measures of the drive so far."""
        return self._world.metrics()

    def close(self) -> None:
        """Nothing is held."""
