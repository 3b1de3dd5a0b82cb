"""CARLA's map in our terms: a route to drive, and the roads as painted strips.

The strips are those of `avvla.world.road_map`, so that what draws the embedded world's roads and
asks where they can be driven does the same here: lanes for vehicles are asphalt, sidewalks kerb,
and markings lines.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import carla
import numpy as np
from numpy.typing import NDArray

from avvla.carla.axes import mirrored, yaw_rad
from avvla.labels.instruction import NEUTRAL
from avvla.world.curve import STEP_M
from avvla.world.road_map import LINE_M, RoadMap, Strip

Array = NDArray[np.float64]

SAMPLE_M = 2.0
PIECE = 8
"""Samples of a strip in one piece, so that what is far from the ego is not drawn."""
DASH_M = 4.0
OVERLAP_M = 0.05
"""By which lanes reach over their edge, against gaps between neighbours."""
ANNOUNCED_M = 30.0
"""Before a junction, from where on its command is given."""
TURN_RAD = math.radians(30.0)
"""A way through a junction that turns by more is a turn."""
FOLLOW = NEUTRAL.text
DRIVEN = (
    carla.LaneType.Driving,
    carla.LaneType.Parking,
    carla.LaneType.Shoulder,
    carla.LaneType.Bidirectional,
    carla.LaneType.Biking,
    carla.LaneType.Entry,
    carla.LaneType.Exit,
    carla.LaneType.OnRamp,
    carla.LaneType.OffRamp,
)
FORBIDDEN = (carla.LaneType.Shoulder, carla.LaneType.Biking)
"""Asphalt on which a car is off the road all the same."""


@dataclass(frozen=True)
class Route:
    """What the hero follows; arrays of n samples STEP_M apart, see `exchange.Departure`."""

    xy: Array
    yaw: Array
    commands: tuple[str, ...]


def drivable(roads: Any, location: Any) -> bool:
    """Whether a place lies on a lane that a car may use."""
    kinds = carla.LaneType.NONE
    for kind in DRIVEN:
        if kind not in FORBIDDEN:
            kinds = kinds | kind
    return roads.get_waypoint(location, project_to_road=False, lane_type=kinds) is not None


def route(roads: Any, begin: Any, length_m: float, rng: np.random.Generator) -> Route:
    """The lane's centre from a waypoint on, with forks taken as `rng` draws; it may end early."""
    points, inside, here = [], [], begin
    for _ in range(round(length_m / STEP_M) + 1):
        place = here.transform
        points.append((place.location.x, place.location.y, place.rotation.yaw))
        inside.append(bool(here.is_junction))
        ways = sorted(here.next(STEP_M), key=lambda way: (way.road_id, way.lane_id))
        if not ways:
            break
        here = ways[int(rng.integers(len(ways)))]
    table = np.array(points, np.float64)
    yaw = np.asarray(np.unwrap([yaw_rad(degrees) for degrees in table[:, 2]]), np.float64)
    return Route(mirrored(table[:, :2]), yaw, commands(yaw, np.array(inside)))


def commands(yaw: Array, inside: NDArray[np.bool_]) -> tuple[str, ...]:
    """What to do at each sample of a route: turns where a junction is near or around.

    Args:
        yaw: (n,) along the route, unwrapped.
        inside: (n,) whether a sample is in a junction.
    """
    told = [FOLLOW] * len(yaw)
    edges = np.flatnonzero(np.diff(np.concatenate([[0], inside.astype(int), [0]])))
    for first, end in zip(edges[::2], edges[1::2], strict=True):
        turned = yaw[end - 1] - yaw[first]
        text = "Go straight"
        if abs(turned) > TURN_RAD:
            text = "Turn left" if turned > 0 else "Turn right"
        for index in range(max(first - round(ANNOUNCED_M / STEP_M), 0), end):
            told[index] = text
    return tuple(told)


def road_map(roads: Any) -> RoadMap:
    """All lanes and their markings as strips, in drawing order."""
    strips: dict[str, list[Strip]] = {"kerb": [], "asphalt": [], "line": []}
    for lane in _lanes(roads):
        kind = lane[0].lane_type
        paint = "kerb" if kind == carla.LaneType.Sidewalk else "asphalt"
        left, right = _edges(lane, OVERLAP_M)
        for part in _parts(len(lane)):
            strips[paint].append(Strip(left[part], right[part], paint))
        if paint == "asphalt" and not lane[0].is_junction:
            strips["line"] += _lines(lane)
    return RoadMap((*strips["kerb"], *strips["asphalt"], *strips["line"]))


def _lanes(roads: Any) -> list[list[Any]]:
    """The waypoints of each lane along its direction, SAMPLE_M apart."""
    found: dict[tuple[int, int, int], list[Any]] = {}
    for begin, _ in roads.get_topology():
        along = [begin, *begin.next_until_lane_end(SAMPLE_M)]
        # Up to SAMPLE_M of the lane are behind its last point.
        along += along[-1].next(SAMPLE_M)[:1]
        for side in ("get_left_lane", "get_right_lane"):
            row = along
            while row := _beside(row, side):
                found.setdefault(_key(row[0]), row)
        found[_key(begin)] = along
    return [found[key] for key in sorted(found)]


def _key(waypoint: Any) -> tuple[int, int, int]:
    return waypoint.road_id, waypoint.section_id, waypoint.lane_id


def _beside(row: list[Any], side: str) -> list[Any]:
    """The lane on a side of those points, if it goes the same way and is one that is drawn."""
    beside = [getattr(point, side)() for point in row[:-1]]
    same = row[0].lane_id
    kinds = (*DRIVEN, carla.LaneType.Sidewalk)
    kept = [
        other
        for other in beside
        if other is not None and other.lane_id * same > 0 and other.lane_type in kinds
    ]
    if len(kept) < 2:
        return []
    return [*kept, *kept[-1].next(SAMPLE_M)[:1]]


def _edges(lane: list[Any], wider_m: float) -> tuple[Array, Array]:
    """Left and right edge (n, 2) in our axes."""
    table = np.array(
        [
            (
                point.transform.location.x,
                -point.transform.location.y,
                yaw_rad(point.transform.rotation.yaw),
                point.lane_width / 2 + wider_m,
            )
            for point in lane
        ]
    )
    aside = np.stack([-np.sin(table[:, 2]), np.cos(table[:, 2])], -1) * table[:, 3:]
    return table[:, :2] + aside, table[:, :2] - aside


def _parts(count: int) -> list[slice]:
    return [slice(begin, begin + PIECE + 1) for begin in range(0, count - 1, PIECE)]


def _lines(lane: list[Any]) -> list[Strip]:
    """The markings at both edges; what is broken is drawn as dashes."""
    outer, inner = _edges(lane, 0.0)
    towards = (inner - outer) / np.linalg.norm(inner - outer, axis=1, keepdims=True)
    found = []
    # Where traffic goes both ways the line between is the left one of either; it is drawn once.
    shared = lane[0].lane_id > 0 and lane[0].get_left_lane() is not None
    for edge, sign, name in ((outer, 1.0, "left"), (inner, -1.0, "right"))[shared:]:
        kinds = [getattr(point, f"{name}_lane_marking").type for point in lane]
        half = towards * (sign * LINE_M / 2)
        drawn = np.array(
            [
                kind != carla.LaneMarkingType.NONE
                and ("Broken" not in str(kind) or int(index * SAMPLE_M / DASH_M) % 2 == 0)
                for index, kind in enumerate(kinds)
            ]
        )
        for first, end in _runs(drawn[:-1]):
            for part in _parts(end - first + 1):
                points = slice(first + part.start, min(first + part.stop, end + 1))
                found.append(Strip((edge - half)[points], (edge + half)[points], "line"))
    return found


def _runs(flags: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """First and end of each run of true flags."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], flags.astype(int), [0]])))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))
