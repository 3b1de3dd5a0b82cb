"""Pictures of a drive for people: the road from above, and a plan laid into the camera image.

From above: north (+y of the map) up, east (+x) right, RGB. A window of the map is drawn at twice
its size and averaged down. In the camera: the ground that the car's body will cover, through the
f-theta lens. Both are pure functions of their arguments; metres, radians, seconds, map frame unless
`local` is said.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from avvla.actions.unicycle import DT_S
from avvla.errors import UserError
from avvla.physical_ai.camera import FThetaCamera, RigExtrinsics, rig_to_camera
from avvla.world.embedded import EGO_LENGTH_M, EGO_WIDTH_M
from avvla.world.renderer import Box
from avvla.world.road_map import RoadMap
from avvla.world.traffic import REAR_OVERHANG_M

Colour = tuple[int, int, int]
Image = NDArray[np.uint8]
Points = NDArray[np.float64]

OVERSAMPLING = 2
SUBPIXEL_BITS = 4
FIT_MARGIN_M = 20.0
RIBBON_STEP_M = 0.5
NEAREST_M = 0.1
FASTEST_MPS = 14.0
GROUND: Colour = (223, 229, 214)
PAINT: dict[str, Colour] = {
    "kerb": (190, 192, 186),
    "asphalt": (84, 88, 97),
    "island": (199, 212, 186),
    "line": (240, 241, 238),
}
INK: Colour = (43, 48, 58)
PAPER: Colour = (250, 250, 247)
GLASS: Colour = (30, 36, 46)
EGO_COLOUR: Colour = (255, 112, 38)
# Slow to fast, and soon to late: light enough at either end to be seen on asphalt.
SPEED_RAMP = ((232, 72, 85), (250, 163, 74), (246, 225, 120), (120, 205, 140), (64, 190, 214))
TIME_RAMP = ((54, 224, 178), (66, 176, 255), (150, 120, 255))


@dataclass(frozen=True)
class Window:
    """The part of the map that is seen: its centre [m], scale [px/m] and size [px]."""

    x: float
    y: float
    scale: float
    width: int
    height: int

    def pixels(self, points: ArrayLike) -> Points:
        """Map points (..., 2) as (column, row), rows counted downwards."""
        middle = np.array([self.width - 1, self.height - 1]) / 2
        centred = np.asarray(points, np.float64) - (self.x, self.y)
        return np.asarray(middle + centred * (self.scale, -self.scale))


def draw(
    road_map: RoadMap,
    ego: tuple[float, float, float],
    boxes: Sequence[Box] = (),
    *,
    path: ArrayLike | None = None,
    plan: ArrayLike | None = None,
    fit: bool = False,
    size_px: tuple[int, int] = (480, 480),
    metres: float = 80.0,
) -> Image:
    """The map from above, (H, W, 3) uint8 RGB.

    Args:
        road_map: what is drawn.
        ego: x, y [m], yaw [rad] of the ego's rear axle.
        boxes: the other vehicles.
        path: (T, 4) driven states x, y, yaw, speed, drawn as a line coloured by speed.
        plan: (64, >=2) x, y in the ego's local frame, drawn as a ribbon coloured by time.
        fit: show the whole path instead of the ego's surroundings.
        size_px: height and width of the picture.
        metres: width of the part of the map that is shown; with `fit`, its least width.

    Raises:
        UserError: `fit` without a path.
    """
    states = None if path is None else np.asarray(path, np.float64)
    window = _window(ego, states, fit, size_px, metres)
    image: Image = np.empty((window.height, window.width, 3), np.uint8)
    image[:] = GROUND
    for strip in road_map.strips:
        outline = window.pixels(np.concatenate([strip.left, strip.right[::-1]]))
        if _seen(outline, window):
            _fill(image, outline, PAINT[strip.paint])
    if plan is not None:
        _draw_plan(image, window, ego, np.asarray(plan, np.float64))
    if states is not None:
        _draw_path(image, window, states)
    for box in boxes:
        _draw_car(image, window, box)
    x, y, yaw = ego
    rear_x, rear_y = x - REAR_OVERHANG_M * math.cos(yaw), y - REAR_OVERHANG_M * math.sin(yaw)
    body = Box(rear_x, rear_y, yaw, EGO_LENGTH_M, EGO_WIDTH_M, 1.5, EGO_COLOUR, False)
    _draw_car(image, window, body)
    _draw_scale(image, window)
    _draw_north(image, window)
    if states is not None:
        _draw_speeds(image, window)
    small = cv2.resize(image, size_px[::-1], interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.uint8)


def overlay_plan(
    frame: Image, camera: FThetaCamera, extrinsics: RigExtrinsics, trajectory: ArrayLike
) -> Image:
    """A copy of the camera frame with the plan's swept ground as a ribbon coloured by time.

    Args:
        frame: (H, W, 3) uint8 RGB.
        camera: the lens that took the frame.
        extrinsics: the camera's pose in the rig.
        trajectory: (64, >=2) x, y in the local frame; a plan that stands still shows nothing.
    """
    left, right, share = _ribbon(np.asarray(trajectory, np.float64))
    edges = np.stack([left, right], axis=1)
    flat = np.zeros((*edges.shape[:-1], 1))
    points = rig_to_camera(np.concatenate([edges, flat], -1), extrinsics)
    ahead = (points[..., 2] > NEAREST_M).all(axis=1)
    pixels, share = camera.project(points[ahead]), share[ahead]
    result = frame.copy()
    _blend_ribbon(result, pixels[:, 0], pixels[:, 1], share)
    return result


def _window(
    ego: tuple[float, float, float],
    states: Points | None,
    fit: bool,
    size_px: tuple[int, int],
    metres: float,
) -> Window:
    height, width = (OVERSAMPLING * side for side in size_px)
    if not fit:
        return Window(ego[0], ego[1], width / metres, width, height)
    if states is None:
        raise UserError("a picture fitted to the drive needs the driven path: pass `path`")
    low, high = states[:, :2].min(axis=0), states[:, :2].max(axis=0)
    wide, tall = high - low + 2.0 * FIT_MARGIN_M
    shown = max(float(wide), float(tall) * width / height, metres)
    x, y = ((low + high) / 2.0).tolist()
    return Window(x, y, width / shown, width, height)


def _ribbon(trajectory: Points) -> tuple[Points, Points, Points]:
    """Left and right edge (n, 2) of the car's way, evenly spaced, and the share of time (n,)."""
    path = np.concatenate([np.zeros((1, 2)), trajectory[:, :2]])
    travelled = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(path, axis=0).T))])
    if travelled[-1] < RIBBON_STEP_M:
        return np.zeros((0, 2)), np.zeros((0, 2)), np.zeros(0)
    # A standing stretch has many times at one place; np.interp needs places that increase.
    moves = np.append(np.diff(travelled) > 1e-6, True)
    places = np.linspace(0.0, travelled[-1], round(travelled[-1] / RIBBON_STEP_M) + 1)
    time = np.linspace(0.0, 1.0, len(path))
    x, y, share = (np.interp(places, travelled[moves], column[moves]) for column in (*path.T, time))
    yaw = np.arctan2(np.gradient(y), np.gradient(x))
    aside = np.stack([-np.sin(yaw), np.cos(yaw)], -1) * EGO_WIDTH_M / 2
    centre = np.stack([x, y], -1)
    return centre + aside, centre - aside, share


def _blend_ribbon(image: Image, left: Points, right: Points, share: Points) -> None:
    """Blend the quadrilaterals between two edges (n, 2) in pixels into the image."""
    cover = np.zeros(image.shape[:2], np.uint8)
    colours = image.copy()
    for i in range(len(share) - 1):
        quad = np.stack([left[i], left[i + 1], right[i + 1], right[i]])
        colour = _ramp(TIME_RAMP, float(share[i]))
        _fill(cover, quad, (255 - round(110 * float(share[i])),) * 3)
        fixed = _fixed(quad)
        # Wider than the cover, whose soft rim then has the ribbon's colour and not the road's.
        cv2.polylines(colours, [fixed], True, colour, 3, cv2.LINE_8, SUBPIXEL_BITS)
        cv2.fillPoly(colours, [fixed], colour, cv2.LINE_8, SUBPIXEL_BITS)
    alpha = cover[..., None].astype(np.float32) * (0.62 / 255.0)
    image[:] = np.round(image * (1.0 - alpha) + colours * alpha).astype(np.uint8)


def _draw_plan(image: Image, window: Window, ego: tuple[float, float, float], plan: Points) -> None:
    x, y, yaw = ego
    turn = np.array([[math.cos(yaw), math.sin(yaw)], [-math.sin(yaw), math.cos(yaw)]])
    left, right, share = _ribbon(plan)
    to_pixels = [window.pixels(edge @ turn + (x, y)) for edge in (left, right)]
    _blend_ribbon(image, to_pixels[0], to_pixels[1], share)


def _draw_path(image: Image, window: Window, states: Points) -> None:
    """A line coloured by speed, with a dark rim and a dot every five seconds."""
    pixels = _fixed(window.pixels(states[:, :2]))
    thick = OVERSAMPLING * 3
    cv2.polylines(image, [pixels], False, INK, thick + 4, cv2.LINE_AA, SUBPIXEL_BITS)
    for begin, end, speed in zip(pixels[:-1], pixels[1:], states[:-1, 3], strict=True):
        colour = _ramp(SPEED_RAMP, speed / FASTEST_MPS)
        cv2.line(image, begin, end, colour, thick, cv2.LINE_AA, SUBPIXEL_BITS)
    for column, row in pixels[:: round(5.0 / DT_S)]:
        for radius, colour in ((4.0, INK), (2.6, PAPER)):
            size = round(radius * OVERSAMPLING * (1 << SUBPIXEL_BITS))
            cv2.circle(image, (column, row), size, colour, -1, cv2.LINE_AA, SUBPIXEL_BITS)


def _draw_car(image: Image, window: Window, box: Box) -> None:
    """A rounded body with dark windows and a light arrow on the roof that shows the heading."""
    turn = np.array(
        [[math.cos(box.yaw), math.sin(box.yaw)], [-math.sin(box.yaw), math.cos(box.yaw)]]
    )

    def shape(along: Sequence[float], aside: Sequence[float]) -> Points:
        unit = np.stack([np.array(along) * box.length, np.array(aside) * box.width], -1)
        return window.pixels(unit @ turn + (box.x, box.y))

    body = shape((0, 0, 0.04, 0.94, 1, 1, 0.94, 0.04), (-0.4, 0.4, 0.5, 0.5, 0.3, -0.3, -0.5, -0.5))
    if not _seen(body, window):
        return
    fixed = _fixed(body)
    cv2.polylines(image, [fixed], True, PAPER, 2 * OVERSAMPLING, cv2.LINE_AA, SUBPIXEL_BITS)
    _fill(image, body, box.colour)
    _fill(image, shape((0.60, 0.74, 0.74, 0.60), (0.36, 0.42, -0.42, -0.36)), GLASS)
    _fill(image, shape((0.10, 0.18, 0.18, 0.10), (0.36, 0.34, -0.34, -0.36)), GLASS)
    _fill(image, shape((0.28, 0.56, 0.28), (0.26, 0.0, -0.26)), PAPER)


def _draw_scale(image: Image, window: Window) -> None:
    """A bar of a round length, about a fifth of the picture's width."""
    wanted = 0.22 * window.width / window.scale
    metres = max(step for step in (1, 2, 5, 10, 20, 50, 100, 200, 500) if step <= max(wanted, 1))
    unit = 8 * OVERSAMPLING
    left, right, row = 2 * unit, 2 * unit + metres * window.scale, window.height - 2 * unit
    bar = np.array([[left, row - unit / 2], [left, row], [right, row], [right, row - unit / 2]])
    for thickness, colour in ((4 * OVERSAMPLING, PAPER), (2 * OVERSAMPLING, INK)):
        cv2.polylines(image, [_fixed(bar)], False, colour, thickness, cv2.LINE_AA, SUBPIXEL_BITS)
    _write(image, f"{metres} m", (left + right) / 2, row - 0.8 * unit)


def _draw_north(image: Image, window: Window) -> None:
    unit = 8 * OVERSAMPLING
    column, top = window.width - 3 * unit, 1.6 * unit
    needle = np.array([[0.0, 0.0], [0.75, 2.2], [0.0, 1.7], [-0.75, 2.2]]) * unit + (column, top)
    cv2.polylines(
        image, [_fixed(needle)], True, PAPER, 2 * OVERSAMPLING, cv2.LINE_AA, SUBPIXEL_BITS
    )
    _fill(image, needle, INK)
    _write(image, "N", column, top + 4.2 * unit)


def _draw_speeds(image: Image, window: Window) -> None:
    """The legend of the path: colour against speed."""
    unit = 8 * OVERSAMPLING
    left, right, row = window.width - 16 * unit, window.width - 6 * unit, window.height - 2 * unit
    top, bottom = row - round(0.6 * unit), row
    cv2.rectangle(image, (left - 4, top - 4), (right + 3, bottom + 3), PAPER, -1)
    for column in range(left, right):
        image[top:bottom, column] = _ramp(SPEED_RAMP, (column - left) / (right - left))
    for column, text in ((left, "0"), (right, f"{FASTEST_MPS:.0f} m/s")):
        _write(image, text, column, top - 0.6 * unit)


def _write(image: Image, text: str, column: float, row: float) -> None:
    """Dark text with a light rim, centred on the column, its foot on the row."""
    font, scale = cv2.FONT_HERSHEY_SIMPLEX, 0.42 * OVERSAMPLING
    (width, _), _ = cv2.getTextSize(text, font, scale, OVERSAMPLING)
    origin = (round(column - width / 2), round(row))
    for thickness, colour in ((4 * OVERSAMPLING, PAPER), (OVERSAMPLING, INK)):
        cv2.putText(image, text, origin, font, scale, colour, thickness, cv2.LINE_AA)


def _ramp(ramp: Sequence[Colour], share: float) -> Colour:
    knots = np.linspace(0.0, 1.0, len(ramp))
    red, green, blue = (round(float(np.interp(share, knots, c))) for c in zip(*ramp, strict=True))
    return red, green, blue


def _seen(outline: Points, window: Window) -> bool:
    low, high = outline.min(axis=0), outline.max(axis=0)
    return bool((high >= 0).all() and (low < (window.width, window.height)).all())


def _fixed(points: Points) -> NDArray[np.int32]:
    return np.round(points * (1 << SUBPIXEL_BITS)).astype(np.int32)


def _fill(image: Image, outline: Points, colour: Colour) -> None:
    cv2.fillPoly(image, [_fixed(outline)], colour, cv2.LINE_AA, SUBPIXEL_BITS)
