"""The embedded world's front camera: strips and boxes as filled polygons through an f-theta lens.

An f-theta image is finite for every ray that does not look straight back, so nothing is clipped
against a near plane: OpenCV clips the polygons against the image. Light, colours, background,
camera pose and noise are drawn once per drive (`Look`); the same look and scene give the same
bytes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from avvla.physical_ai.camera import (
    FThetaCamera,
    RigExtrinsics,
    front_camera_extrinsics,
)
from avvla.world.road_map import RoadMap

if TYPE_CHECKING:
    from avvla.config import Randomisation

Colour = tuple[float, float, float]
Image = NDArray[np.uint8]

FAR_M = 130.0
BEHIND_M = -3.0
SUBPIXEL_BITS = 3
NOISE_MARGIN = 64
CLOSING = np.linspace(0.0, 1.0, 8)[1:-1, None]
PALETTE: dict[str, Colour] = {
    "sky": (150, 185, 225),
    "ground": (95, 125, 75),
    "kerb": (150, 148, 140),
    "asphalt": (88, 88, 92),
    "island": (100, 130, 80),
    "line": (235, 235, 228),
}


@dataclass(frozen=True)
class Box:
    """A vehicle: pose of the centre of its rear bumper on the ground, size [m], colour, braking."""

    x: float
    y: float
    yaw: float
    length: float
    width: float
    height: float
    colour: tuple[int, int, int]
    braking: bool


@dataclass(frozen=True)
class Look:
    """How a drive looks: palette (RGB), brightness factor, camera pose in the rig, pixel noise."""

    palette: dict[str, Colour]
    light: float
    extrinsics: RigExtrinsics
    noise: float


def nominal_look() -> Look:
    """No randomisation: the palette as it is, the camera where it is meant to be."""
    return Look(PALETTE, 1.0, front_camera_extrinsics(), 0.0)


def draw_look(rng: np.random.Generator, widths: Randomisation) -> Look:
    """A random look within the ranges of the configuration."""
    palette: dict[str, Colour] = {}
    for name, colour in PALETTE.items():
        spread = widths.colours
        if name in ("sky", "ground") and widths.background:
            spread = 3.0 * widths.colours
        tint = 1.0 + rng.uniform(-spread, spread, 3) * (0.3 if name == "line" else 1.0)
        red, green, blue = np.clip(np.array(colour) * tint, 0, 255).tolist()
        palette[name] = (red, green, blue)
    metres, radians = widths.camera_jitter_m, widths.camera_jitter_rad
    yaw, pitch, roll = rng.uniform(-radians, radians, 3)
    extrinsics = front_camera_extrinsics(
        height_m=1.5 + rng.uniform(-metres, metres),
        forward_m=1.7 + rng.uniform(-metres, metres),
        yaw=float(yaw),
        pitch=float(pitch),
        roll=float(roll),
    )
    light = 1.0 + rng.uniform(-widths.light, widths.light)
    return Look(palette, float(light), extrinsics, widths.image_noise * rng.uniform())


class Renderer:
    """Draws one map through one camera; the map's points lie in one array for speed."""

    def __init__(self, road_map: RoadMap, camera: FThetaCamera, look: Look) -> None:
        self.camera, self.look = camera, look
        self._rotation = look.extrinsics.rotation
        self._position = np.array(look.extrinsics.position)
        self._ends = np.cumsum([len(strip.left) for strip in road_map.strips])
        self._left = np.concatenate([strip.left for strip in road_map.strips])
        self._right = np.concatenate([strip.right for strip in road_map.strips])
        self._colours = [self._shade(look.palette[strip.paint]) for strip in road_map.strips]
        azimuth = np.linspace(-1.6, 1.6, 17)
        horizon = np.stack([np.cos(azimuth), np.sin(azimuth), np.zeros(17)], -1) * 1e5
        below = np.array(
            [[-4.0 * camera.width, 4.0 * camera.height], [4.0 * camera.width, 4.0 * camera.height]]
        )
        self._ground = np.concatenate([self._pixels(horizon), below])
        self._noise = _noise_bank(camera, look.noise)

    def draw(
        self, x: float, y: float, yaw: float, boxes: list[Box], rng: np.random.Generator
    ) -> Image:
        """Image (H, W, 3) uint8 RGB from the rig at (x, y, yaw); rng places the pixel noise."""
        height, width = self.camera.height, self.camera.width
        image: Image = np.empty((height, width, 3), np.uint8)
        image[:] = self._shade(self.look.palette["sky"])
        _fill(image, self._ground, self._shade(self.look.palette["ground"]))
        self._draw_strips(image, x, y, yaw)
        for box in sorted(boxes, key=lambda box: -math.hypot(box.x - x, box.y - y)):
            self._draw_box(image, x, y, yaw, box)
        if self._noise is not None:
            row, column = rng.integers(0, NOISE_MARGIN, 2)
            patch = self._noise[row : row + height, column : column + width]
            image = np.asarray(cv2.add(image, patch, dtype=cv2.CV_8U), np.uint8)
        return image

    def _draw_strips(self, image: Image, x: float, y: float, yaw: float) -> None:
        left, right = _to_rig(self._left, x, y, yaw), _to_rig(self._right, x, y, yaw)
        nearer = np.maximum(left[:, 0], right[:, 0])
        indices = np.flatnonzero((nearer > BEHIND_M) & (left[:, 0] < FAR_M))
        if len(indices) == 0:
            return
        left, right = left[indices], right[indices]
        strip_of = np.searchsorted(self._ends, indices, side="right")
        breaks = np.flatnonzero((np.diff(indices) > 1) | (np.diff(strip_of) > 0)) + 1
        begins = np.concatenate([[0], breaks])
        # The end behind the camera is a straight line on the ground but a wide arc in the image.
        closing = right[begins, None] + (left - right)[begins, None] * CLOSING
        edges = np.concatenate([left, right, closing.reshape(-1, 2)])
        pixels = self._pixels(np.concatenate([edges, np.zeros((len(edges), 1))], axis=1))
        fixed = np.round(pixels * (1 << SUBPIXEL_BITS)).astype(np.int32)
        left_px, right_px, rest = np.split(fixed, [len(left), 2 * len(left)])
        closing_px = rest.reshape(len(begins), -1, 2)
        for run, (begin, end) in enumerate(zip(begins, [*breaks, len(indices)], strict=True)):
            if end - begin > 1:
                outline = np.concatenate(
                    [left_px[begin:end], right_px[begin:end][::-1], closing_px[run]]
                )
                colour = self._colours[strip_of[begin]]
                cv2.fillPoly(image, [outline], colour, cv2.LINE_AA, SUBPIXEL_BITS)

    def _draw_box(self, image: Image, x: float, y: float, yaw: float, box: Box) -> None:
        cos, sin = math.cos(box.yaw), math.sin(box.yaw)
        along = np.array([0.0, 0.0, box.length, box.length])
        aside = np.array([0.5, -0.5, -0.5, 0.5]) * box.width
        corners = np.stack(
            [box.x + along * cos - aside * sin, box.y + along * sin + aside * cos], -1
        )
        rig = _to_rig(corners, x, y, yaw)
        if rig[:, 0].max() < 0.5 or rig[:, 0].min() > FAR_M:
            return
        levels = np.array([0.0, 0.15, 0.45, 0.75, 0.55 * box.height, box.height])
        points = np.concatenate([np.tile(rig, (6, 1)), np.repeat(levels, 4)[:, None]], axis=1)
        ground, low, lamp_low, lamp_high, waist, top = self._pixels(points).reshape(6, 4, 2)
        body = np.array(box.colour, float)
        _fill(image, ground, self._shade((35, 35, 38)))
        hull = np.asarray(cv2.convexHull(np.concatenate([low, top]).astype(np.float32)), float)
        _fill(image, hull[:, 0], self._shade(tuple(body)))
        if rig[0, 0] < 0.5:
            return
        _fill(image, np.concatenate([low[:2], top[1::-1]]), self._shade(tuple(0.75 * body)))
        _fill(image, np.concatenate([waist[:2], top[1::-1]]), self._shade((40, 45, 55)))
        light = self._shade((255.0, 40.0, 30.0) if box.braking else (140.0, 20.0, 20.0))
        for begin, end in ((0.0, 1.0),) if box.braking else ((0.0, 0.25), (0.75, 1.0)):
            lower = lamp_low[0] + (lamp_low[1] - lamp_low[0]) * np.array([[begin], [end]])
            upper = lamp_high[0] + (lamp_high[1] - lamp_high[0]) * np.array([[end], [begin]])
            _fill(image, np.concatenate([lower, upper]), light)

    def _pixels(self, rig_points: NDArray[np.float64]) -> NDArray[np.float64]:
        return self.camera.project((rig_points - self._position) @ self._rotation)

    def _shade(self, colour: tuple[float, ...]) -> tuple[int, int, int]:
        red, green, blue = (min(int(channel * self.look.light), 255) for channel in colour)
        return red, green, blue


def _noise_bank(camera: FThetaCamera, deviation: float) -> NDArray[np.int16] | None:
    """Noise larger than an image, of which each frame takes a patch: drawing it anew costs 1 ms."""
    if deviation == 0:
        return None
    size = (camera.height + NOISE_MARGIN, camera.width + NOISE_MARGIN, 1)
    noise = np.random.default_rng(0).normal(0.0, deviation, size)
    return np.repeat(np.round(noise).astype(np.int16), 3, axis=2)


def _to_rig(points: NDArray[np.float64], x: float, y: float, yaw: float) -> NDArray[np.float64]:
    cos, sin = math.cos(yaw), math.sin(yaw)
    return np.asarray((points - (x, y)) @ np.array([[cos, -sin], [sin, cos]]))


def _fill(image: Image, outline: NDArray[np.floating], colour: tuple[int, int, int]) -> None:
    points = np.round(outline * (1 << SUBPIXEL_BITS)).astype(np.int32)
    cv2.fillPoly(image, [points], colour, lineType=cv2.LINE_AA, shift=SUBPIXEL_BITS)
