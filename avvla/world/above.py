"""The surroundings from above, the ego's heading up: what is learned from, alike in every arena.

The road is painted once a cell of the map; a view is one affine warp of that with vehicles and
lights drawn on top, so that it can be had a thousand times a second. With the centre c, radius R
[m] around it, size S [px] and scale k = S / 2R, a map point p is at column
(S - 1) / 2 + k (p - c) . r and row (S - 1) / 2 - k (p - c) . f, where f and r are the unit vectors
ahead and to the right.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from avvla.errors import UserError
from avvla.world.road_map import RoadMap

Points = NDArray[np.float64]
Colour = tuple[int, int, int]

GROUND: Colour = (20, 60, 30)
PAINT: dict[str, Colour] = {
    "kerb": (60, 60, 60),
    "asphalt": (120, 120, 120),
    "island": GROUND,
    "line": (255, 255, 255),
}
EGO: Colour = (60, 160, 255)
VEHICLE: Colour = (255, 60, 60)
WALKER: Colour = (250, 230, 60)
LIGHTS: dict[int, Colour] = {0: (230, 40, 40), 1: (240, 200, 40), 2: (40, 200, 80)}
"""Of a traffic light by its state: red, yellow, green; another is not drawn."""
LIGHT_M = 1.0
CELL_M = 100.0
KEPT_CELLS = 4
FINEST = 5.0
"""Pixels a metre that a cell is painted with at most, to bound its memory."""
SHIFT = 4  # bits of a pixel's fraction that OpenCV draws with
NO_LIGHTS = np.empty((0, 3))


@dataclass(frozen=True)
class Cell:
    """A painted part of the map: its first pixel [m] and pixels a metre."""

    image: NDArray[np.uint8]
    origin: Points
    scale: float


class Above:
    """A map to be looked at.

    Args:
        road_map: what is painted.
    """

    def __init__(self, road_map: RoadMap) -> None:
        self._strips = road_map.strips
        edges = [np.concatenate([strip.left, strip.right]) for strip in road_map.strips]
        self._lows = np.array([edge.min(0) for edge in edges]).reshape(-1, 2)
        self._highs = np.array([edge.max(0) for edge in edges]).reshape(-1, 2)
        self._cells: dict[tuple[int, int, float, float], Cell] = {}

    def view(
        self,
        ego: tuple[float, float, float],
        boxes: Iterable[tuple[Points, Colour]],
        size_px: int,
        radius_m: float,
        lights: Points = NO_LIGHTS,
    ) -> NDArray[np.uint8]:
        """The surroundings of the ego, (size_px, size_px, 3) uint8 RGB, a function of these alone.

        Args:
            ego: x, y [m] of the rear axle, yaw [rad]; the centre lies radius_m / 2 ahead.
            boxes: outlines (4, 2) [m] with their colours, in drawing order.
            size_px: side of the picture.
            radius_m: half of the width that is shown.
            lights: (M, 3) x, y [m] and state of traffic lights.

        Raises:
            UserError: size or radius is not above 0.
        """
        if size_px < 1 or not radius_m > 0:
            raise UserError(
                f"a view of {size_px} px and {radius_m:g} m, expected more than 0 of both"
            )
        x, y, yaw = ego
        ahead = np.array([math.cos(yaw), math.sin(yaw)])
        right = np.array([ahead[1], -ahead[0]])
        centre = np.array([x, y]) + ahead * (radius_m / 2)
        scale, middle = size_px / (2.0 * radius_m), (size_px - 1) / 2
        cell = self._cell(centre, scale, radius_m)
        across, down = right * (cell.scale / scale), -ahead * (cell.scale / scale)
        corner = (centre - cell.origin) * cell.scale - (across + down) * middle
        image = np.empty((size_px, size_px, 3), np.uint8)
        cv2.warpAffine(
            cell.image,
            np.stack([across, down, corner], axis=-1),
            (size_px, size_px),
            dst=image,
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_CONSTANT,
            borderValue=GROUND,
        )
        turn = np.stack([right, -ahead], axis=-1) * scale  # map metres to pixels right and down
        for points, colour in boxes:
            if np.abs(points[0] - centre).sum() < 4.0 * radius_m:
                _fill(image, (points - centre) @ turn + middle, colour)
        for light_x, light_y, state in lights:
            if int(state) in LIGHTS:
                column, row = (np.array([light_x, light_y]) - centre) @ turn + middle
                size = max(round(LIGHT_M * scale), 1)
                cv2.circle(image, (round(column), round(row)), size, LIGHTS[int(state)], -1)
        return image

    def _cell(self, centre: Points, scale: float, radius_m: float) -> Cell:
        """The cell that a view's centre is in, painted twice as fine as the view, up to FINEST."""
        column, row = (int(index) for index in np.floor(centre / CELL_M))
        key = column, row, scale, radius_m
        if key not in self._cells:
            if len(self._cells) == KEPT_CELLS:
                del self._cells[next(iter(self._cells))]
            self._cells[key] = self._painted(column, row, min(2.0 * scale, FINEST), radius_m)
        return self._cells[key]

    def _painted(self, column: int, row: int, scale: float, radius_m: float) -> Cell:
        margin = radius_m * math.sqrt(2.0) + 1.0 / scale
        origin = np.array([column, row]) * CELL_M - margin
        end = origin + CELL_M + 2 * margin
        side = math.ceil((CELL_M + 2 * margin) * scale)
        image = np.empty((side, side, 3), np.uint8)
        image[:] = GROUND
        near = (self._lows < end).all(axis=1) & (self._highs > origin).all(axis=1)
        for index in np.flatnonzero(near):
            strip = self._strips[index]
            edges = np.concatenate([strip.left, strip.right[::-1]])
            points = _fixed((edges - origin) * scale)
            cv2.fillPoly(image, [points], PAINT[strip.paint], cv2.LINE_AA, SHIFT)
        return Cell(image, origin, scale)


def outline(
    x: float, y: float, yaw: float, length: float, width: float, ahead: float = 0.0
) -> Points:
    """Corners (4, 2) [m] of a box whose middle is `ahead` metres ahead of x, y."""
    heading = np.array([math.cos(yaw), math.sin(yaw)])
    along, aside = heading * (length / 2), np.array([-heading[1], heading[0]]) * (width / 2)
    middle = np.array([x, y]) + ahead * heading
    return middle + np.stack([aside - along, -aside - along, along - aside, along + aside])


def _fixed(points: Points) -> NDArray[np.int32]:
    return np.round(points * (1 << SHIFT)).astype(np.int32)


def _fill(image: NDArray[np.uint8], corners: Points, colour: Colour) -> None:
    cv2.fillConvexPoly(image, _fixed(corners), colour, cv2.LINE_AA, SHIFT)
