"""The safety override: a pure function between the plan and the vehicle.

In this order, each step as mild as it can be:

1. What is no action (missing, NaN, infinite) becomes gentle braking with the curvature held.
2. The action is taken to the nearest one in the envelope (`avvla.agent.envelope`).
3. What stands or drives in the way of the plan within LOOK_M is slowed for: with closing speed w
   and way d to it less STANDOFF_M, the braking that is needed is b = w^2 / 2d. From ONSET on the
   acceleration is at most -b, and until b has been below RELEASE for RELEASE_TICKS it does not
   rise above 0.
4. The action has to leave a free way out (`avvla.agent.braking`). If it does not, less acceleration
   is tried in SHARES of what full braking would take off, then full braking with the curvature
   held: the emergency stop, which is kept up until a way out has been free for RELEASE_TICKS or
   the vehicle stands.

The result is in the envelope whatever comes in.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import shapely
from numpy.typing import NDArray

from avvla.actions.unicycle import DT_S
from avvla.agent import boxes, envelope
from avvla.agent.braking import brake, safe
from avvla.agent.motion import AT_ORIGIN, STANDSTILL, Action, Body, State, Surroundings

GENTLE = -2.5
"""Acceleration without a plan [m/s^2]."""
LOOK_M, STANDOFF_M, EDGE_M, NEAR_M = 60.0, 2.0, 0.5, 0.7
ONSET, RELEASE, RELEASE_TICKS = 1.5, 0.8, 5
SHARES = (0.25, 0.5, 0.75, 1.0)
STANDING, SLOWEST = 0.05, 1.0
STEP_M = 0.5
"""Between two places of the way that is looked at."""

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Memory:
    """What the override keeps from tick to tick."""

    before: Action = STANDSTILL
    state: State = AT_ORIGIN
    """The last one that was sane."""
    slowing: bool = False
    stopping: bool = False
    clear_ticks: int = 0


@dataclass(frozen=True)
class Guarded:
    """What is driven, and why it is not what was planned."""

    action: Action
    memory: Memory
    reasons: tuple[str, ...]
    """Of this tick: empty where the plan is driven as it is."""


def guard(
    state: State,
    plan: Array | None,
    around: Surroundings,
    memory: Memory,
    body: Body = Body(),  # noqa: B008  # frozen
) -> Guarded:
    """The action for the next tick.

    Args:
        state: of the ego; where it is not sane the last one that was stands for it.
        plan: (K, 2) acceleration [m/s^2] and curvature [1/m] of the next ticks; None: there is no
            plan.
        around: what is known of obstacles and of the drivable area.
        memory: from the tick before.
        body: the ego's box.
    """
    reasons: list[str] = []
    if not state.sane:
        reasons.append("state")
        state = memory.state
    state = replace(state, speed=max(state.speed, 0.0))
    before = memory.before
    if plan is None or len(plan) == 0 or plan.ndim != 2 or plan.shape[1] != 2:
        reasons.append("no plan")
        plan = None
    elif not np.isfinite(plan).all():
        reasons.append("plan not finite")
        plan = None
    wanted = Action(GENTLE, before.curvature) if plan is None else Action(*plan[0].tolist())
    action, bounds = envelope.bounded(wanted, state.speed, before)
    if plan is not None:
        reasons += bounds
    needed = 0.0 if plan is None else needed_braking(state, plan, around, body)
    clear = memory.clear_ticks + 1 if needed < RELEASE else 0
    slowing = needed > ONSET or (memory.slowing and clear < RELEASE_TICKS)
    if slowing:
        limit = -needed if needed > 0 else 0.0
        if action.acceleration > limit:
            reasons.append("slowing")
            slower = Action(limit, action.curvature)
            action = envelope.bounded(slower, state.speed, before)[0]
    standing = state.speed < STANDING
    stopping = memory.stopping and clear < RELEASE_TICKS and not standing
    if stopping or not safe(state, action, around, body):
        action, stopping = _milder(state, action, before, around, body, stopping)
        reasons.append("emergency stop" if stopping else "braking")
    return Guarded(action, Memory(action, state, slowing, stopping, clear), tuple(reasons))


def _milder(
    state: State, action: Action, before: Action, around: Surroundings, body: Body, stopping: bool
) -> tuple[Action, bool]:
    """The mildest safe action, or full braking, and whether it is that."""
    hardest = brake(state.speed, before)
    if not stopping:
        spare = hardest.acceleration - action.acceleration
        for share in SHARES:
            tried = Action(action.acceleration + share * spare, action.curvature)
            if safe(state, tried, around, body):
                return tried, False
    return hardest, True


def needed_braking(state: State, plan: Array, around: Surroundings, body: Body) -> float:
    """Least braking [m/s^2] that keeps the ego off what is in the way of its plan; 0: none.

    Args:
        state: of the ego.
        plan: (K, 2) finite.
        around: obstacles, which count where they are now, with their speed along the way.
        body: the ego's box.
    """
    if not len(around.obstacles) and around.drivable is None:
        return 0.0
    path = _path(state, plan)
    way = np.arange(len(path)) * STEP_M
    yaw = path[:, 2]
    middle = path[:, :2] + body.ahead * np.stack([np.cos(yaw), np.sin(yaw)], -1)
    size = np.broadcast_to([body.length, body.width], (len(path), 2))
    ego = np.concatenate([middle, yaw[:, None], size], -1)
    most = 0.0
    if len(around.obstacles):
        touched = boxes.overlap(ego[:, None], around.obstacles[None, :, :5])
        for place in np.flatnonzero(touched.any(0)).tolist():
            first = int(touched[:, place].argmax())
            heading = np.array([np.cos(yaw[first]), np.sin(yaw[first])])
            along = max(float(around.obstacles[place, 5:7] @ heading), 0.0)
            closing = max(state.speed - along, 0.0)
            most = max(most, _braking(closing, float(way[first]) - STANDOFF_M))
    if around.drivable is not None:
        corner = boxes.corners(ego)
        on = shapely.contains_xy(around.drivable, corner[..., 0], corner[..., 1]).all(-1)
        if not on.all():
            most = max(most, _braking(state.speed, float(way[int((~on).argmax())]) - EDGE_M))
    return most


def _braking(closing: float, way: float) -> float:
    """w^2 / 2d, and no less than GENTLE where nothing is left of the way."""
    least = -GENTLE if way <= 0.0 and closing > STANDING else 0.0
    return max(closing**2 / (2.0 * max(way, NEAR_M)), least)


def _path(state: State, plan: Array) -> Array:
    """(LOOK_M / STEP_M, 3) poses along a plan from the state on, STEP_M apart.

    The curvature at a place is the plan's for when the ego would be there at its present speed, so
    that braking is no reason to look less far; behind the plan's end it stays.
    """
    s = np.arange(0.0, LOOK_M, STEP_M)
    place = np.minimum(s / (max(state.speed, SLOWEST) * DT_S), len(plan) - 1).astype(int)
    curvature = np.clip(plan[place, 1], -envelope.K_MAX, envelope.K_MAX)
    yaw = state.yaw + np.concatenate([[0.0], np.cumsum(curvature[:-1] * STEP_M)])
    x = state.x + np.concatenate([[0.0], np.cumsum(np.cos(yaw[:-1]) * STEP_M)])
    y = state.y + np.concatenate([[0.0], np.cumsum(np.sin(yaw[:-1]) * STEP_M)])
    return np.stack([x, y, yaw], -1)
