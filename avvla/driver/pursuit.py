"""Following a route by pure pursuit (Coulter 1992): steer along the arc to a point ahead on it.

The vehicle is a unicycle whose speed changes evenly within a step. Its speed goes to the cruise
speed, is lower where the route bends, and 0 at the end of a route that has run out.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from avvla.actions.unicycle import DT_S
from avvla.driver.scene import STEPS

Array = NDArray[np.float64]

SPACING_M = 0.5
LOOK_S, LOOK_LEAST_M = 0.8, 4.0
SHARPEST = 0.2
"""[1/m]"""
ACROSS = 2.0
"""Lateral acceleration in a bend [m/s^2]."""
FASTER, SLOWER = 1.5, 2.5
"""[m/s^2]"""
FORESEEN = 1.5
"""Of SLOWER, what the speed limits ahead count on [m/s^2]."""


def pursued(route: Array, speed_mps: float, cruise_mps: float) -> Array | None:
    """(STEPS, 3) x, y, yaw after each step, from the origin on.

    Args:
        route: (N, 2) waypoints in the rig; NaN where the route has run out.
        speed_mps: at present.
        cruise_mps: where the route does not bend.

    Returns:
        None where less than two waypoints are left.
    """
    known = route[np.isfinite(route).all(1)]
    line = densified(known)
    if line is None:
        return None
    limits = speeds(line, cruise_mps, ends=len(known) < len(route))
    x, y, yaw, speed = 0.0, 0.0, 0.0, speed_mps
    place, path = 0, np.empty((STEPS, 3))
    for step in range(STEPS):
        place = _nearest(line, x, y, place)
        look = max(LOOK_S * speed, LOOK_LEAST_M)
        aim = _ahead(line, place + look / SPACING_M)
        ahead, aside = aim[0] - x, aim[1] - y
        left = math.cos(yaw) * aside - math.sin(yaw) * ahead
        curvature = 2 * left / max(ahead**2 + aside**2, 1.0)
        curvature = min(max(curvature, -SHARPEST), SHARPEST)
        change = limits[min(place, len(limits) - 1)] - speed
        before = speed
        speed = max(speed + min(max(change, -SLOWER * DT_S), FASTER * DT_S), 0.0)
        # At the mean of both: who drives the first step of each plan alone moves off too.
        way = (before + speed) / 2 * DT_S
        x += way * math.cos(yaw)
        y += way * math.sin(yaw)
        yaw += way * curvature
        path[step] = x, y, yaw
    return path


def densified(route: Array) -> Array | None:
    """(M, 2) points SPACING_M apart along finite waypoints (N, 2); None where it has no length."""
    if len(route) < 2:
        return None
    way = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(route, axis=0), axis=1))])
    if way[-1] < SPACING_M:
        return None
    s = np.arange(0.0, min(way[-1], 1000.0), SPACING_M)
    return np.stack([np.interp(s, way, route[:, 0]), np.interp(s, way, route[:, 1])], -1)


def speeds(line: Array, cruise_mps: float, *, ends: bool) -> Array:
    """(M,) the speed [m/s] allowed at each point of a line (M, 2), such that braking is gentle."""
    # Over 8 m: between two waypoints, 4 m apart, a polyline does not bend at all.
    reach = round(4.0 / SPACING_M)
    limit = np.full(len(line), cruise_mps)
    if len(line) > 2 * reach:
        back, on = line[reach:-reach] - line[: -2 * reach], line[2 * reach :] - line[reach:-reach]
        cross = back[:, 0] * on[:, 1] - back[:, 1] * on[:, 0]
        turn = np.abs(np.arctan2(cross, (back * on).sum(1)))
        bend = turn / (reach * SPACING_M)
        limit[reach:-reach] = np.minimum(cruise_mps, np.sqrt(ACROSS / np.maximum(bend, 1e-6)))
    if ends:
        limit[-1] = 0.0
    for place in range(len(line) - 2, -1, -1):
        limit[place] = min(
            limit[place], math.sqrt(limit[place + 1] ** 2 + 2 * FORESEEN * SPACING_M)
        )
    return limit


def _nearest(line: Array, x: float, y: float, since: int) -> int:
    """The nearest point of the next 20 m, so that a route that crosses itself is no trap."""
    near = line[since : since + 40]
    return since + int(((near - (x, y)) ** 2).sum(1).argmin())


def _ahead(line: Array, place: float) -> Array:
    """The point at a place of the line, which goes straight on at its end."""
    last = len(line) - 1
    first = min(int(place), max(last - 1, 0))
    point: Array = line[first]
    if last > 0:
        point = point + (place - first) * (line[first + 1] - point)
    return point
