"""The surroundings from above, with the ego's heading up: what a policy may learn from.

Drawn from the strips of a road map, whichever world they are of; only what is near is drawn.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import cv2
import numpy as np
from numpy.typing import NDArray

from avvla.errors import UserError
from avvla.world.road_map import RoadMap

Array = NDArray[np.float64]
Colour = tuple[int, int, int]

SUBPIXEL_BITS = 4
GROUND: Colour = (0, 0, 0)
PAINT: dict[str, Colour] = {
    "kerb": (60, 60, 60),
    "asphalt": (110, 110, 110),
    "island": GROUND,
    "line": (230, 230, 230),
}
EGO: Colour = (255, 120, 40)
CAR: Colour = (60, 130, 255)
WALKER: Colour = (250, 230, 60)
LIGHTS: dict[int, Colour] = {0: (230, 40, 40), 1: (240, 200, 40), 2: (40, 200, 80)}
LIGHT_M = 1.0


class Above:
    """Draws one map again and again.

    Args:
        road_map: what is drawn.
    """

    def __init__(self, road_map: RoadMap) -> None:
        self._outlines = [
            (np.concatenate([strip.left, strip.right[::-1]]), PAINT[strip.paint])
            for strip in road_map.strips
        ]
        lows = np.array([outline.min(0) for outline, _ in self._outlines]).reshape(-1, 2)
        highs = np.array([outline.max(0) for outline, _ in self._outlines]).reshape(-1, 2)
        self._middles = (lows + highs) / 2
        self._reach = np.linalg.norm(highs - lows, axis=1) / 2

    def draw(
        self,
        ego: tuple[float, float, float],
        boxes: Iterable[tuple[Array, Colour]],
        lights: Array,
        size_px: int,
        radius_m: float,
    ) -> NDArray[np.uint8]:
        """(size_px, size_px, 3) uint8 RGB, 2 radius_m wide, its centre radius_m / 2 ahead.

        Args:
            ego: x, y, yaw that the picture is seen from.
            boxes: corners (4, 2) of each box with its colour, in drawing order.
            lights: (M, 3) x, y, state.
            size_px: side of the picture.
            radius_m: half of what is seen.

        Raises:
            UserError: size or radius is not above 0.
        """
        if size_px < 1 or not radius_m > 0:
            raise UserError(
                f"a view of {size_px} px and {radius_m:g} m, expected more than 0 of both"
            )
        image = np.full((size_px, size_px, 3), GROUND, np.uint8)
        x, y, yaw = ego
        ahead = np.array([math.cos(yaw), math.sin(yaw)])
        centre = np.array([x, y]) + radius_m / 2 * ahead
        scale = size_px / (2 * radius_m)
        # Ahead is up, so left of the ego is left in the picture: column = -left, row = -ahead.
        turn = np.array([[ahead[1], -ahead[0]], [-ahead[0], -ahead[1]]]).T * scale
        middle = (size_px - 1) / 2

        def pixels(points: Array) -> Array:
            return np.asarray((points - centre) @ turn + middle)

        far = np.linalg.norm(self._middles - centre, axis=1) - self._reach
        for index in np.flatnonzero(far < radius_m * math.sqrt(2)):
            outline, colour = self._outlines[index]
            _fill(image, pixels(outline), colour)
        for corners, colour in boxes:
            _fill(image, pixels(corners), colour)
        for light_x, light_y, state in lights:
            colour = LIGHTS.get(int(state), GROUND)
            column, row = pixels(np.array([[light_x, light_y]]))[0]
            cv2.circle(
                image, (round(column), round(row)), max(round(LIGHT_M * scale), 1), colour, -1
            )
        return image


def corners(x: float, y: float, yaw: float, length: float, width: float) -> Array:
    """(4, 2) of a box around its middle."""
    along = np.array([math.cos(yaw), math.sin(yaw)]) * length / 2
    aside = np.array([-math.sin(yaw), math.cos(yaw)]) * width / 2
    middle = np.array([x, y])
    return np.stack(
        [middle + along + aside, middle + along - aside, middle - along - aside,
         middle - along + aside]
    )  # fmt: skip


def _fill(image: NDArray[np.uint8], outline: Array, colour: Colour) -> None:
    fixed = np.round(outline * (1 << SUBPIXEL_BITS)).astype(np.int32)
    cv2.fillPoly(image, [fixed], colour, cv2.LINE_8, SUBPIXEL_BITS)
