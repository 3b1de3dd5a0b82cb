"""Where on the map the ego is: areas of its corners, its centre and its rear axle.

A point on a boundary is outside. Lanes count by their areas LANE and LANE_CONNECTOR, the drivable
surface by ROADBLOCK, INTERSECTION and CARPARK_AREA.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from avvla.errors import UserError
from avvla.evaluation.pdm.case import Map
from avvla.evaluation.pdm.vehicle import centre, corners

Array = NDArray[np.float64]
Bools = NDArray[np.bool_]

LANES = ("LANE", "LANE_CONNECTOR")
DRIVABLE = ("ROADBLOCK", "INTERSECTION", "CARPARK_AREA")


@dataclass(frozen=True)
class Areas:
    """By plan and time (P, T)."""

    multiple_lanes: Bools
    """More than one lane has a corner of the box, and none has all four."""
    non_drivable: Bools
    """Some corner is off the drivable surface."""
    oncoming: Bools
    """The centre is in no lane of the route."""
    centre_in_intersection: Bools
    rear_in_intersection: Bools


class Road:
    """A map, prepared for many questions.

    Raises:
        UserError: a polygon is not valid, or no lane of the route is on the map.
    """

    def __init__(self, given: Map) -> None:
        shapes = []
        for polygon in given.polygons:
            shape = shapely.Polygon(polygon.points)
            if not shape.is_valid or shape.area == 0:
                reason = shapely.is_valid_reason(shape) if not shape.is_valid else "no area"
                raise UserError(f"map.polygons: {polygon.token} is not valid ({reason})")
            shapes.append(shape)
        layer = np.array([polygon.layer for polygon in given.polygons])
        route = set(given.route_lane_ids)
        on_route = np.array([polygon.token in route for polygon in given.polygons])
        self._shapes = np.array(shapes, object)
        shapely.prepare(self._shapes)
        self._lane = np.isin(layer, LANES)
        self._drivable = np.isin(layer, DRIVABLE)
        self._intersection = layer == "INTERSECTION"
        self._on_route = self._lane & on_route
        if route and not self._on_route.any():
            raise UserError("map.route_lane_ids: none of them is a lane of the map")
        self.route = frozenset(route)
        self.centerline = shapely.LineString([point[:2] for point in given.centerline])
        shapely.prepare(self.centerline)

    def areas(self, states: Array) -> Areas:
        """Where states (P, T, 3 or more: x, y, heading of the rear axle) are."""
        middle = centre(states)
        corner = corners(middle, states[..., 2])
        points = np.concatenate([corner, middle[..., None, :], states[..., None, :2]], -2)
        inside = shapely.contains_xy(
            self._shapes[:, None, None, None], points[None, ..., 0], points[None, ..., 1]
        )  # (polygons, P, T, 6)
        lanes = inside[self._lane, ..., :4]
        return Areas(
            multiple_lanes=(lanes.any(-1).sum(0) > 1) & ~lanes.all(-1).any(0),
            non_drivable=~inside[self._drivable, ..., :4].any(0).all(-1),
            oncoming=~inside[self._on_route, ..., 4].any(0),
            centre_in_intersection=inside[self._intersection, ..., 4].any(0),
            rear_in_intersection=inside[self._intersection, ..., 5].any(0),
        )
