"""A vehicle that drives what the override lets through, exactly as the unicycle does."""

import numpy as np
import shapely

from avvla.actions.unicycle import step
from avvla.agent import boxes, braking
from avvla.agent.motion import Action, Body, State, Surroundings
from avvla.agent.override import Memory, guard

BODY = Body()
HARD = (np.nan, np.inf, -np.inf, 100.0, -100.0, 1e300, 0.0)


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


def random_scene(draw: np.random.Generator) -> tuple[State, Surroundings]:
    """What stands around a start from where braking is safe, and perhaps a road."""
    while True:
        count = int(draw.integers(0, 6))
        rows = np.zeros((count, 7))
        rows[:, 0], rows[:, 1] = draw.uniform(-10, 60, count), draw.uniform(-8, 8, count)
        rows[:, 2] = draw.uniform(-np.pi, np.pi, count)
        rows[:, 3], rows[:, 4] = draw.uniform(0.3, 9, count), draw.uniform(0.3, 3, count)
        road = shapely.box(-20, -6, 120, 6) if draw.uniform() < 0.3 else None
        state = State(0.0, 0.0, float(draw.uniform(-0.3, 0.3)), float(draw.uniform(0, 25)))
        scene = Surroundings(rows, road)
        if braking.safe(state, braking.brake(state.speed, Action(0.0, 0.0)), scene, BODY):
            return state, scene


def random_plan(draw: np.random.Generator) -> np.ndarray:
    """Whatever a policy without sense may say."""
    kind = draw.integers(0, 5)
    if kind == 0:
        return np.array([[draw.choice(HARD), draw.choice(HARD)]])
    if kind == 1:
        return draw.normal(0, [20.0, 2.0], (3, 2))
    if kind == 2:
        return np.tile([3.0, draw.uniform(-0.1, 0.1)], (30, 1))
    if kind == 3:
        return np.zeros((int(draw.integers(0, 3)), int(draw.integers(1, 4))))
    return draw.normal(0, [2.0, 0.05], (30, 2))
