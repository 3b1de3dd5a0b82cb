"""Objects around the ego in steps of 0.1 s, from tracks of 2 Hz, and lights.

Position, heading and speed are linear between two stamps. An object is there from its first to its
last stamp, one with a single stamp always. Its kind, size and the velocity by which it counts as
stopped are those of its first appearance. v2.2 leaves out objects that touch the ego at t = 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from avvla.evaluation.pdm.case import Agent, RedLight
from avvla.evaluation.pdm.vehicle import DT_S, corners, polygons

Array = NDArray[np.float64]

FULL_PENALTY = ("VEHICLE", "PEDESTRIAN", "BICYCLE")
"""Kinds with whom a collision costs the whole score."""
STATIC = ("CZONE_SIGN", "BARRIER", "TRAFFIC_CONE", "GENERIC_OBJECT")
STOPPED_MPS = 0.05
LIGHT_PERIOD_S = 0.5


@dataclass(frozen=True)
class Observation:
    """N objects at T times 0, 0.1, ... s."""

    token: tuple[str, ...]
    pose: Array
    """(N, T, 3) x, y, heading of the centre; NaN where an object is not there."""
    box: NDArray[np.object_]
    """(N, T) polygons, None where an object is not there."""
    radius: Array
    """(N,) of the circle around the box [m]."""
    stopped: NDArray[np.bool_]
    """(N,) of a kind that never moves, or standing when it appears."""
    costs_all: NDArray[np.bool_]
    """(N,) of FULL_PENALTY."""


def observe(
    agents: Sequence[Agent], times: int, touching: shapely.Polygon | None = None
) -> Observation:
    """The objects at the first `times` steps, without those that touch `touching` at t = 0."""
    kept, poses, boxes = [], [], []
    time_s: Array = np.arange(times, dtype=np.float64) * np.float64(DT_S)
    for agent in agents:
        pose = _interpolate(np.array(agent.states), time_s)
        there = np.isfinite(pose[:, 0])
        if not there.any():
            continue
        box = np.full(times, None, object)
        box[there] = polygons(corners(pose[there, :2], pose[there, 2], agent.length, agent.width))
        if touching is not None and box[0] is not None and touching.intersects(box[0]):
            continue
        kept.append(agent)
        poses.append(pose)
        boxes.append(box)
    speed = np.array([np.hypot(*agent.states[0][4:6]) for agent in kept])
    return Observation(
        token=tuple(agent.token for agent in kept),
        pose=np.array(poses).reshape(len(kept), times, 3),
        box=np.array(boxes, object).reshape(len(kept), times),
        radius=np.array([np.hypot(agent.length, agent.width) / 2 for agent in kept]),
        stopped=np.array([agent.type in STATIC for agent in kept], bool) | (speed <= STOPPED_MPS),
        costs_all=np.array([agent.type in FULL_PENALTY for agent in kept], bool),
    )


def red_at(light: RedLight, times: int) -> NDArray[np.bool_]:
    """(T,) whether a light is red: from each of its stamps until the next one of 2 Hz."""
    stamp = np.floor(np.arange(times) * DT_S / LIGHT_PERIOD_S + 1e-6) * LIGHT_PERIOD_S
    near = np.isclose(stamp[:, None], np.array(light.times_s).reshape(1, -1), atol=1e-3)
    return np.asarray(near.any(1), np.bool_)


def _interpolate(states: Array, time_s: Array) -> Array:
    """(T, 3) poses of a track (n, 6), NaN where it is not there."""
    if len(states) == 1:
        return np.tile(states[0, 1:4], (len(time_s), 1))
    heading = np.unwrap(states[:, 3])
    pose = np.stack(
        [
            np.interp(time_s, states[:, 0], column)
            for column in (states[:, 1], states[:, 2], heading)
        ],
        -1,
    )
    tolerance = 1e-6
    outside = (time_s < states[0, 0] - tolerance) | (time_s > states[-1, 0] + tolerance)
    pose[outside] = np.nan
    return pose
