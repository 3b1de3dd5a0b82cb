"""The way out: what remains possible after an action, and whether it is free.

After the action of a tick the vehicle could brake as hard as the envelope lets it, the curvature
held, until it stands. An action is `safe` where this way out touches no obstacle and stays on the
drivable area. From its second tick on it is what `brake` does in the next tick: where nothing
moves, a vehicle that begins safe and either takes a safe action or brakes stays safe for ever.

Other vehicles: one that goes the ego's way brakes at FRONT_BRAKING from now on, as in the safe
distance of RSS (Shalev-Shwartz, Shammah and Shashua 2017, arXiv 1708.06374, definition 1); any
other goes on at its velocity for ON_S, after which it is not looked at. Boxes are wider by
SIDE_M on either side and longer by AHEAD_M in front of the ego, RSS's margins.
"""

from __future__ import annotations

import math

import numpy as np
import shapely
from numpy.typing import NDArray

from avvla.actions.unicycle import DT_S
from avvla.agent import boxes, envelope
from avvla.agent.motion import Action, Body, State, Surroundings

Array = NDArray[np.float64]

FRONT_BRAKING = 8.0
ON_S = 2.0
SAME_WAY_RAD = math.radians(50)
SIDE_M, AHEAD_M = 0.2, 0.5
LONGEST = 200
"""Ticks of a way out: 20 s, more than any speed below 100 m/s needs."""


def way_out(state: State, action: Action) -> Array:
    """(K, 4) x, y, yaw, speed after the action and after each tick of braking until standstill."""
    rows, now = [], action
    x, y, yaw, speed = state.x, state.y, state.yaw, max(state.speed, 0.0)
    for _ in range(LONGEST):
        x += speed * math.cos(yaw) * DT_S
        y += speed * math.sin(yaw) * DT_S
        yaw += speed * now.curvature * DT_S
        speed = max(speed + now.acceleration * DT_S, 0.0)
        rows.append((x, y, yaw, speed))
        if speed < 1e-6:
            break
        now = brake(speed, now)
    return np.array(rows)


def brake(speed: float, before: Action) -> Action:
    """As hard as the envelope lets it, the curvature held."""
    return envelope.bounded(Action(envelope.A_MIN, before.curvature), speed, before)[0]


def free(path: Array, around: Surroundings, body: Body) -> bool:
    """Whether the ego can be at each pose of a path (K, 3 or more), one a tick from now on."""
    ego = _ego(path, body)
    if around.drivable is not None:
        corner = boxes.corners(ego).reshape(-1, 2)
        if not shapely.contains_xy(around.drivable, corner[:, 0], corner[:, 1]).all():
            return False
    if not len(around.obstacles):
        return True
    wide = ego + np.array([0.0, 0.0, 0.0, 0.0, 2 * SIDE_M])
    # Longer in front alone, so that what stands close behind is no reason to brake.
    wide[:, 0] += AHEAD_M / 2 * np.cos(wide[:, 2])
    wide[:, 1] += AHEAD_M / 2 * np.sin(wide[:, 2])
    wide[:, 3] += AHEAD_M
    others = _others(around.obstacles, len(path), float(path[0, 2]))
    return not bool(boxes.overlap(wide[:, None], others).any())


def safe(state: State, action: Action, around: Surroundings, body: Body) -> bool:
    """Whether the action leaves a free way out."""
    return free(way_out(state, action), around, body)


def _ego(path: Array, body: Body) -> Array:
    """(K, 5) boxes of the ego."""
    yaw = path[:, 2]
    size = np.broadcast_to([body.length, body.width], (len(path), 2))
    middle = path[:, :2] + body.ahead * np.stack([np.cos(yaw), np.sin(yaw)], -1)
    return np.concatenate([middle, yaw[:, None], size], -1)


def _others(obstacles: Array, ticks: int, heading: float) -> Array:
    """(ticks, N, 5) boxes of the obstacles; NaN, which overlaps nothing, where not looked at."""
    time_s = DT_S * np.arange(1, ticks + 1)[:, None]
    velocity = obstacles[:, 5:7]
    speed = np.linalg.norm(velocity, axis=-1)
    course = np.arctan2(velocity[:, 1], velocity[:, 0])
    away = np.abs((course - heading + np.pi) % (2 * np.pi) - np.pi)
    leads = away < SAME_WAY_RAD
    until = np.where(leads, speed / FRONT_BRAKING, np.inf)
    lasted = np.minimum(time_s, until)
    driven = speed * lasted - np.where(leads, FRONT_BRAKING / 2, 0.0) * lasted**2
    unit = velocity / np.maximum(speed, 1e-9)[:, None]
    place = obstacles[:, :2] + driven[..., None] * unit
    rest = np.broadcast_to(obstacles[:, 2:5], (ticks, len(obstacles), 3))
    found: Array = np.concatenate([place, rest], -1)
    gone = (time_s > ON_S) & ~leads & (speed > 0.1)
    found[gone] = np.nan
    return found
