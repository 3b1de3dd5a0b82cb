"""Collisions at fault, and time to collision: who runs into whom.

An object that the ego cannot be blamed for is ignored from then on. Bearings are those of an
object's centre from the rear axle: ahead below 30 degrees, behind above 150. The devkit's arccos of
an unclipped product can be NaN straight ahead; here it is clipped.
"""

from __future__ import annotations

import numpy as np
import shapely
from numpy.typing import NDArray

from avvla.evaluation.pdm.observation import STOPPED_MPS, Observation
from avvla.evaluation.pdm.road import Areas
from avvla.evaluation.pdm.tracker import VX, VY
from avvla.evaluation.pdm.vehicle import (
    DT_S,
    LENGTH_M,
    STEPS,
    WIDTH_M,
    centre,
    corners,
    polygons,
)

Array = NDArray[np.float64]

AHEAD, BEHIND = np.deg2rad(30), np.deg2rad(150)
LOOK_AHEAD = (0, 3, 6, 9)
"""Steps by which the ego is moved on."""
_TTC_STOPPED_MPS = 0.005
_RADIUS = np.hypot(LENGTH_M, WIDTH_M) / 2


def at_fault(states: Array, areas: Areas, seen: Observation) -> tuple[Array, list[int | None]]:
    """No at-fault collisions (NC) of P driven plans.

    Args:
        states: (P, 41, 11).
        areas: where they are.
        seen: the objects.

    Returns:
        (P,) 1, 0.5 or 0, and the time index of the first collision at fault.
    """
    scores: Array = np.ones(len(states))
    first: list[int | None] = [None] * len(states)
    times = np.arange(STEPS + 1)
    box = polygons(corners(centre(states), states[..., 2]))
    ignored: list[set[int]] = [set() for _ in states]
    for p, t, n in _hits(centre(states), box, seen, times):
        if n in ignored[p]:
            continue
        state = states[p, t]
        bearing = _bearing(state, seen.box[n, t])
        if np.hypot(state[VX], state[VY]) <= STOPPED_MPS:
            guilty = False
        elif seen.stopped[n]:
            guilty = True
        elif bearing > BEHIND:
            guilty = False
        elif _front(state).intersects(seen.box[n, t]):
            guilty = True
        else:
            guilty = bool(areas.multiple_lanes[p, t] or areas.non_drivable[p, t])
        if not guilty:
            ignored[p].add(n)
            continue
        scores[p] = min(scores[p], 0.0 if seen.costs_all[n] else 0.5)
        if first[p] is None:
            first[p] = t
    return scores, first


def time_to_collision(
    states: Array, areas: Areas, seen: Observation, times: int
) -> tuple[Array, list[int | None]]:
    """Time to collision within bound (TTC) of P driven plans.

    Args:
        states: (P, 41, 11).
        areas: where they are.
        seen: the objects, at least `times` + 9 steps of them.
        times: steps that are looked at: 32 in v2.2, 41 in v1.1.

    Returns:
        (P,) 1 or 0, and the time index of the first violation.
    """
    scores: Array = np.ones(len(states))
    first: list[int | None] = [None] * len(states)
    ignored: list[set[int]] = [set() for _ in states]
    base, ahead = np.repeat(np.arange(times), len(LOOK_AHEAD)), np.tile(LOOK_AHEAD, times)
    state = states[:, base]
    speed = np.hypot(state[..., VX], state[..., VY])
    direction = np.stack([np.cos(state[..., 2]), np.sin(state[..., 2])], -1)
    middle = centre(state) + direction * (speed * ahead * DT_S)[..., None]
    box = polygons(corners(middle, state[..., 2]))
    for p, i, n in _hits(middle, box, seen, base + ahead):
        if first[p] is not None or n in ignored[p] or speed[p, i] < _TTC_STOPPED_MPS:
            continue
        t = base[i]
        bearing = _bearing(states[p, t], seen.box[n, t + ahead[i]])
        exposed = (
            areas.multiple_lanes[p, t]
            or areas.non_drivable[p, t]
            or areas.rear_in_intersection[p, t]
        )
        if bearing < AHEAD or (exposed and bearing <= BEHIND):
            scores[p], first[p] = 0.0, int(t)
        else:
            ignored[p].add(n)
    return scores, first


def _hits(
    middle: Array,
    box: NDArray[np.object_],
    seen: Observation,
    object_time: NDArray[np.int64],
) -> list[tuple[int, int, int]]:
    """(plan, column, object) of boxes (P, K) that intersect objects at their times, in order."""
    if not seen.token:
        return []
    pose = seen.pose[:, object_time]  # (N, K, 3)
    with np.errstate(invalid="ignore"):
        apart = np.linalg.norm(middle[:, :, None] - pose.transpose(1, 0, 2)[None, ..., :2], axis=-1)
        near = apart <= _RADIUS + seen.radius + 1e-6
    p, k, n = np.nonzero(near)
    touching = shapely.intersects(box[p, k], seen.box[n, object_time[k]])
    return list(zip(p[touching].tolist(), k[touching].tolist(), n[touching].tolist(), strict=True))


def _bearing(state: Array, shape: shapely.Polygon) -> float:
    """Angle [rad] between the heading and the way from the rear axle to an object's centre."""
    way = np.array([shape.centroid.x - state[0], shape.centroid.y - state[1]])
    distance = np.linalg.norm(way)
    if distance == 0:
        return 0.0
    product = (way @ [np.cos(state[2]), np.sin(state[2])]) / distance
    return float(np.arccos(np.clip(product, -1.0, 1.0)))


def _front(state: Array) -> shapely.LineString:
    """The front bumper, from the left corner to the right one."""
    corner = corners(centre(state), state[2])
    return shapely.LineString([corner[0], corner[3]])
