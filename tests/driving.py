"""A vehicle that drives what the override lets through, exactly as the unicycle does."""

import numpy as np
import shapely

from avvla.actions.unicycle import DT_S, step
from avvla.agent import boxes
from avvla.agent.motion import Action, Body, State, Surroundings
from avvla.agent.override import Memory, guard

BODY = Body()


def moved(state: State, action: Action) -> State:
    after = step(
        np.array([state.x, state.y, state.yaw, state.speed]),
        np.array([action.acceleration, action.curvature]),
    )
    x, y, yaw, speed = after.tolist()
    return State(x, y, yaw, max(speed, 0.0))


def box_of(state: State, body: Body = BODY) -> np.ndarray:
    x = state.x + body.ahead * np.cos(state.yaw)
    y = state.y + body.ahead * np.sin(state.yaw)
    return np.array([x, y, state.yaw, body.length, body.width])


def touches(state: State, obstacles: np.ndarray) -> bool:
    return bool(len(obstacles)) and bool(boxes.overlap(box_of(state), obstacles[:, :5]).any())


def on_the_road(state: State, drivable) -> bool:
    corner = boxes.corners(box_of(state))
    return bool(shapely.contains_xy(drivable, corner[:, 0], corner[:, 1]).all())


def obstacle(x, y, yaw=0.0, length=4.6, width=1.85, vx=0.0, vy=0.0) -> list[float]:
    return [x, y, yaw, length, width, vx, vy]


def around(*obstacles, drivable=None) -> Surroundings:
    return Surroundings(np.array(obstacles, float).reshape(-1, 7), drivable)


def drive(state, plan_of, surroundings, ticks, memory=None):
    """States, results of the override: `plan_of` makes a plan of (tick, state)."""
    memory = memory or Memory()
    states, results = [state], []
    for tick in range(ticks):
        now = surroundings(tick) if callable(surroundings) else surroundings
        result = guard(state, plan_of(tick, state), now, memory, BODY)
        memory = result.memory
        state = moved(state, result.action)
        states.append(state)
        results.append(result)
    return states, results


DT = DT_S
