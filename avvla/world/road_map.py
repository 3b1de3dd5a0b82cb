"""Road maps as painted strips, and the layouts that the scenarios drive on.

A strip is the area between a left and a right polyline with equally many points; a road is a wide
kerb strip, an asphalt strip on it and narrow line strips on that, drawn in this order. Traffic
keeps to the right. Every layout is built around the `Route` that the ego follows: `curve` is the
centre of the right-most lane, lane k lies k * LANE_M to its left. Metres, radians, map frame.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from avvla.world.curve import STEP_M, Curve, Piece, arc, trace

LANE_M = 3.5
SHOULDER_M = 0.6
KERB_M = 0.35
LINE_M = 0.16
STOP_LINE_M = 0.5
DASH_M, DASH_GAP_M = 3.0, 3.0
PASSED_M = 4.0
"""Behind an exit of a ring, from where it can no longer be taken."""
TAPER_M = 35.0
"""Way over which a lane ends."""
PIECE = 12
"""Steps of a strip in one piece."""
ORDER = ("kerb", "asphalt", "island", "line")


Offset = float | NDArray[np.float64]
"""Metres to the left of a curve: one, or (n, 1) of its samples."""


@dataclass(frozen=True)
class Strip:
    """The area between two polylines, left and right (n, 2), painted as one of ORDER."""

    left: NDArray[np.float64]
    right: NDArray[np.float64]
    paint: str

    def outlines(self) -> list[NDArray[np.float64]]:
        """Outlines (m, 2) of short pieces one behind the other: those of a ring are simple."""
        return [
            np.concatenate([self.left[part], self.right[part][::-1]])
            for begin in range(0, len(self.left) - 1, PIECE)
            for part in (slice(begin, begin + PIECE + 1),)
        ]


@dataclass(frozen=True)
class RoadMap:
    """Strips in drawing order."""

    strips: tuple[Strip, ...]

    def drivable(self, x: float, y: float) -> bool:
        """Whether the point lies on asphalt and on no island."""
        on = {"asphalt": False, "island": False}
        for strip in self.strips:
            if strip.paint in on and not on[strip.paint]:
                outline = np.concatenate([strip.left, strip.right[::-1]]).astype(np.float32)
                on[strip.paint] = cv2.pointPolygonTest(outline, (x, y), False) >= 0
        return on["asphalt"] and not on["island"]


@dataclass(frozen=True)
class Route:
    """What the ego follows: a curve, its lanes, and where a junction begins and ends [m].

    From `exit_s` [m] on, the exit to take is the next one.
    """

    curve: Curve
    lanes: int
    junction: tuple[float, float] | None = None
    exit_s: float = 0.0


def winding_road(
    rng: np.random.Generator, length: float, tightest: float, widest: float, lanes: int
) -> tuple[Route, RoadMap]:
    """A road of bends with radii from tightest to widest [m], heading within 60 degrees."""
    pieces, heading, total = [Piece(rng.uniform(5.0, 30.0))], 0.0, 0.0
    while total < length:
        radius = tightest * (widest / tightest) ** rng.uniform()
        ease = rng.uniform(0.4, 0.8) * min(radius, 60.0)
        angle = max(rng.uniform(0.2, 1.0), 1.1 * ease / radius)
        turns_left = rng.uniform() < 0.5 if abs(heading) < 0.3 else heading < 0
        angle = angle if turns_left else -angle
        if abs(heading + angle) > math.radians(60.0):
            angle = -math.copysign(max(abs(heading), 1.1 * ease / radius), heading)
        pieces += [*arc(radius, angle, ease), Piece(rng.uniform(2.0, 30.0))]
        heading += angle
        total = sum(piece.length for piece in pieces)
    curve = trace(pieces)
    return Route(curve, lanes), RoadMap(_ordered(_road(curve, lanes)))


def narrowing_road(
    rng: np.random.Generator, tightest: float, widest: float, length: float, end_s: float
) -> tuple[Route, RoadMap]:
    """A winding road of two lanes whose right one has ended at `end_s` [m], over TAPER_M."""
    route, _ = winding_road(rng, length, tightest, widest, 2)
    curve = route.curve
    s = np.arange(len(curve.yaw))[:, None] * STEP_M
    right = LANE_M * (np.clip((s - end_s) / TAPER_M + 1.0, 0.0, 1.0) - 0.5)
    left = np.full_like(right, 1.5 * LANE_M)
    strips = [
        _strip(curve, left + SHOULDER_M + KERB_M, right - SHOULDER_M - KERB_M, "kerb"),
        _strip(curve, left + SHOULDER_M, right - SHOULDER_M, "asphalt"),
        *(_strip(curve, edge + LINE_M / 2, edge - LINE_M / 2, "line") for edge in (left, right)),
        *_dashes(_part(curve, 0.0, end_s - TAPER_M), LANE_M / 2),
    ]
    return route, RoadMap(_ordered(strips))


def crossroad(turn: str, approach: float, radius: float) -> tuple[Route, RoadMap]:
    """A right-angled junction of two roads with a lane each way; turn is left, right or straight.

    `radius` [m] is that of the right turn; a left turn's is wider by two lanes.
    """
    angle = {"left": math.pi / 2, "right": -math.pi / 2, "straight": 0.0}[turn]
    lead = Piece(approach)
    exit_road = Piece(90.0)
    # The crossing road's centre line lies where the right turn ends up one half lane before it.
    right = trace([lead, *arc(radius, -math.pi / 2, radius / 2), exit_road])
    centre_x = float(right.xy[-1, 0]) + LANE_M / 2
    if turn == "right":
        curve = right
    elif turn == "straight":
        curve = trace([lead, Piece(4 * radius), exit_road])
    else:
        wide = radius + LANE_M
        reach = trace([*arc(wide, angle, wide / 2), exit_road]).xy[-1, 0]
        lead = Piece(centre_x + LANE_M / 2 - float(reach))
        curve = trace([lead, *arc(wide, angle, wide / 2), exit_road])
    middle = LANE_M / 2
    main = trace([Piece(centre_x + 140.0)], 0.0, middle)
    cross = trace([Piece(280.0)], centre_x, middle - 140.0, math.pi / 2)
    half = LANE_M + SHOULDER_M + 0.3 * radius
    strips = [
        *_two_way(main, [(0.0, centre_x - half), (centre_x + half, main.length)]),
        *_two_way(cross, [(0.0, 140.0 - half), (140.0 + half, cross.length)]),
        *_fillets(centre_x, middle, radius),
    ]
    begin = lead.length
    end = curve.length - exit_road.length
    return Route(curve, 1, (begin, end)), RoadMap(_ordered(strips))


def roundabout(turn: str, approach: float, radius: float) -> tuple[Route, RoadMap]:
    """A one-lane roundabout with four arms, driven counter-clockwise.

    The entry is a right bend of radius r that touches the ring of radius R: with the lane half a
    lane right of the arm's axis, sin(psi) = (LANE_M / 2 + r) / (R + r) gives the ring angle psi
    between the arm's axis and the touching point, and the bend turns by pi/2 - psi.
    """
    entry = 8.0
    psi = math.asin((LANE_M / 2 + entry) / (radius + entry))
    exit_arm = {"right": 0.0, "straight": math.pi / 2, "left": math.pi}[turn]
    sweep = exit_arm + math.pi / 2 - 2 * psi
    bend = Piece(entry * (math.pi / 2 - psi), -1 / entry, -1 / entry)
    ring = Piece(radius * sweep, 1 / radius, 1 / radius)
    exit_road = Piece(90.0)
    curve = trace([Piece(approach), bend, ring, bend, exit_road])
    centre_x = approach + math.sqrt((radius + entry) ** 2 - (LANE_M / 2 + entry) ** 2)
    centre_y = LANE_M / 2
    centre = np.array([centre_x, centre_y])
    slip = trace([Piece(6.0), bend, Piece(3.0, 1 / radius, 1 / radius)], approach - 6.0)
    slip_road = _strip(slip, LANE_M / 2, -LANE_M / 2 - SHOULDER_M, "asphalt")
    strips: list[Strip] = []
    for index in range(4):
        heading = index * math.pi / 2
        x, y = centre + radius * np.array([math.cos(heading), math.sin(heading)])
        arm = trace([Piece(140.0)], float(x), float(y), heading)
        strips += [*_two_way(arm, [(LANE_M, 140.0)]), *_turned(slip_road, centre, heading)]
    inner, outer = radius - LANE_M / 2 - SHOULDER_M, radius + LANE_M / 2 + SHOULDER_M
    strips += [
        _ring(centre, inner - KERB_M, outer + KERB_M, "kerb"),
        _ring(centre, inner, outer, "asphalt"),
        _ring(centre, 0.0, inner, "island"),
    ]
    end = curve.length - exit_road.length
    before = end - bend.length - radius * math.pi / 2
    exit_s = 0.0 if turn == "right" else before + PASSED_M
    return Route(curve, 1, (approach, end), exit_s), RoadMap(_ordered(strips))


def _road(curve: Curve, lanes: int) -> list[Strip]:
    """A one-way road with `lanes` lanes, the curve being the centre of the right-most."""
    right, left = -LANE_M / 2, (lanes - 0.5) * LANE_M
    lines = [_strip(curve, edge + LINE_M / 2, edge - LINE_M / 2, "line") for edge in (left, right)]
    for lane in range(1, lanes):
        lines += _dashes(curve, (lane - 0.5) * LANE_M)
    return [*_surface(curve, left, right), *lines]


def _two_way(axis: Curve, ranges: list[tuple[float, float]]) -> list[Strip]:
    """A road with a lane each way around its axis; lines only on the given ranges of arc length."""
    strips = _surface(axis, LANE_M, -LANE_M)
    for begin, end in ranges:
        part = _part(axis, begin, end)
        for offset in (LANE_M, -LANE_M, 0.0):
            strips.append(_strip(part, offset + LINE_M / 2, offset - LINE_M / 2, "line"))
        # A stop line where the traffic of the right lane, or of the oncoming one, meets a junction.
        if end < axis.length:
            strips.append(_strip(_part(axis, end - STOP_LINE_M, end), 0.0, -LANE_M, "line"))
        if begin > 0.0:
            strips.append(_strip(_part(axis, begin, begin + STOP_LINE_M), LANE_M, 0.0, "line"))
    return strips


def _surface(curve: Curve, left: float, right: float) -> list[Strip]:
    left, right = left + SHOULDER_M, right - SHOULDER_M
    return [
        _strip(curve, left + KERB_M, right - KERB_M, "kerb"),
        _strip(curve, left, right, "asphalt"),
    ]


def _turned(slip_road: Strip, centre: NDArray[np.float64], angle: float) -> list[Strip]:
    """The entry's slip road turned about the ring's centre, and the exit's, its mirror image."""
    cos, sin = math.cos(angle), math.sin(angle)
    turn = np.array([[cos, sin], [-sin, cos]])
    return [
        Strip(
            (slip_road.left - centre) * (1.0, mirror) @ turn + centre,
            (slip_road.right - centre) * (1.0, mirror) @ turn + centre,
            slip_road.paint,
        )
        for mirror in (1.0, -1.0)
    ]


def _ring(centre: NDArray[np.float64], inner: float, outer: float, paint: str) -> Strip:
    """A closed annulus; it ends exactly where it begins, an overlap would count as a hole."""
    angles = np.linspace(0.0, 2 * math.pi, 73)
    circle = np.stack([np.cos(angles), np.sin(angles)], -1)
    return Strip(centre + inner * circle, centre + outer * circle, paint)


def _fillets(centre_x: float, centre_y: float, radius: float) -> list[Strip]:
    """The four rounded corners of a junction: the asphalt inside each right turn."""
    edge = LANE_M + SHOULDER_M
    size = 0.5 * radius
    strips = []
    for sign_x in (-1.0, 1.0):
        for sign_y in (-1.0, 1.0):
            corner = np.array([centre_x + sign_x * edge, centre_y + sign_y * edge])
            angles = np.linspace(0.0, math.pi / 2, 7)
            away = np.array([sign_x, sign_y])
            round_edge = corner + away * size * (
                1.0 - np.stack([np.sin(angles), np.cos(angles)], -1)
            )
            strips.append(Strip(round_edge, np.repeat(corner[None], 7, axis=0), "asphalt"))
    return strips


def _dashes(curve: Curve, offset: float) -> list[Strip]:
    starts = np.arange(0.0, curve.length - DASH_M, DASH_M + DASH_GAP_M).tolist()
    parts = [_part(curve, start, start + DASH_M) for start in starts]
    return [_strip(part, offset + LINE_M / 2, offset - LINE_M / 2, "line") for part in parts]


def _part(curve: Curve, begin: float, end: float) -> Curve:
    low, high = round(begin / STEP_M), round(end / STEP_M) + 1
    return Curve(curve.xy[low:high], curve.yaw[low:high], curve.curvature[low:high])


def _strip(curve: Curve, left: Offset, right: Offset, paint: str) -> Strip:
    every = np.append(np.arange(0, len(curve.yaw) - 1, 2), len(curve.yaw) - 1)
    return Strip(curve.offset_line(left)[every], curve.offset_line(right)[every], paint)


def _ordered(strips: list[Strip]) -> tuple[Strip, ...]:
    return tuple(sorted(strips, key=lambda strip: ORDER.index(strip.paint)))
