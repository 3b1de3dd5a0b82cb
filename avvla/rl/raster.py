"""A map from above that can be looked at a thousand times a second.

A road map is painted once; a view of it is one affine warp with the vehicles drawn on top. In a
view the ego's heading points up and right is to its right: with the centre c, radius R [m] around
it, size S [px] and scale k = S / 2R, a map point p is at column (S - 1) / 2 + k (p - c) . r and row
(S - 1) / 2 - k (p - c) . f, where f and r are the unit vectors ahead and to the right.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from avvla.world.embedded import EGO_LENGTH_M, EGO_WIDTH_M
from avvla.world.renderer import Box
from avvla.world.road_map import RoadMap
from avvla.world.traffic import REAR_OVERHANG_M

Colour = tuple[int, int, int]
GROUND: Colour = (20, 60, 30)
PAINT: dict[str, Colour] = {
    "kerb": (60, 60, 60),
    "asphalt": (120, 120, 120),
    "island": (20, 60, 30),
    "line": (255, 255, 255),
}
VEHICLE: Colour = (255, 60, 60)
EGO: Colour = (60, 160, 255)
MARGIN_M = 5.0
FINEST = 5.0
"""Pixels a metre that a map is painted with at most, to bound its memory."""
SHIFT = 4  # bits of a pixel's fraction that OpenCV draws with


class Raster:
    """A painted map.

    Args:
        road_map: what is painted.
        scale: pixels a metre of the views to come; the map is painted twice as fine, up to FINEST.
    """

    def __init__(self, road_map: RoadMap, scale: float) -> None:
        self._scale = min(2.0 * scale, FINEST)
        edges = [edge for strip in road_map.strips for edge in (strip.left, strip.right)]
        points = np.concatenate(edges)
        self._origin = points.min(axis=0) - MARGIN_M
        columns, rows = np.ceil((points.max(axis=0) + MARGIN_M - self._origin) * self._scale)
        self._image = np.empty((int(rows), int(columns), 3), np.uint8)
        self._image[:] = GROUND
        for strip in road_map.strips:
            self._paint(strip.left, strip.right, strip.paint)

    def _paint(self, left: NDArray[np.float64], right: NDArray[np.float64], paint: str) -> None:
        outline = (np.concatenate([left, right[::-1]]) - self._origin) * self._scale
        points = np.round(outline * (1 << SHIFT)).astype(np.int32)
        cv2.fillPoly(self._image, [points], PAINT[paint], cv2.LINE_AA, SHIFT)
        if paint == "line":  # a marking is thinner than a pixel, and would be lost
            middle = ((left + right) / 2 - self._origin) * self._scale
            line = np.round(middle * (1 << SHIFT)).astype(np.int32)
            cv2.polylines(self._image, [line], False, PAINT[paint], 1, cv2.LINE_AA, SHIFT)

    def view(
        self,
        ego: tuple[float, float, float],
        boxes: Sequence[Box],
        size_px: int,
        radius_m: float,
    ) -> NDArray[np.uint8]:
        """The surroundings of the ego, (size_px, size_px, 3) uint8 RGB.

        Args:
            ego: x, y [m] of the rear axle, yaw [rad]; the centre lies radius_m / 2 ahead.
            boxes: the other vehicles.
            size_px: side of the picture.
            radius_m: half of the width that is shown.
        """
        x, y, yaw = ego
        ahead = np.array([math.cos(yaw), math.sin(yaw)])
        right = np.array([ahead[1], -ahead[0]])
        centre = np.array([x, y]) + ahead * (radius_m / 2)
        scale, middle = size_px / (2.0 * radius_m), (size_px - 1) / 2
        across, down = right * (self._scale / scale), -ahead * (self._scale / scale)
        corner = (centre - self._origin) * self._scale - (across + down) * middle
        image = np.empty((size_px, size_px, 3), np.uint8)
        cv2.warpAffine(
            self._image,
            np.stack([across, down, corner], axis=-1),
            (size_px, size_px),
            dst=image,
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_CONSTANT,
            borderValue=GROUND,
        )
        turn = np.stack([right, -ahead], axis=-1)  # map metres to metres right and down
        for box in boxes:
            if abs(box.x - centre[0]) + abs(box.y - centre[1]) < 4.0 * radius_m:
                _fill(image, (_corners(box) - centre) @ turn * scale + middle, VEHICLE)
        rear = Box(
            x - REAR_OVERHANG_M * float(ahead[0]),
            y - REAR_OVERHANG_M * float(ahead[1]),
            yaw, EGO_LENGTH_M, EGO_WIDTH_M, 1.5, EGO, False,
        )  # fmt: skip
        _fill(image, (_corners(rear) - centre) @ turn * scale + middle, EGO)
        return image


def _corners(box: Box) -> NDArray[np.float64]:
    """(4, 2) corners of a box whose origin is the middle of its rear."""
    ahead = np.array([math.cos(box.yaw), math.sin(box.yaw)])
    aside = np.array([-ahead[1], ahead[0]]) * (box.width / 2)
    rear = np.array([box.x, box.y])
    front = rear + ahead * box.length
    return np.stack([rear + aside, rear - aside, front - aside, front + aside])


def _fill(image: NDArray[np.uint8], outline: NDArray[np.float64], colour: Colour) -> None:
    points = np.round(outline * (1 << SHIFT)).astype(np.int32)
    cv2.fillConvexPoly(image, points, colour, cv2.LINE_AA, SHIFT)
