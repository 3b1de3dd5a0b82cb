"""The safety override against policies without sense: is the envelope ever left, is anything hit?

    python bench/safety.py --ticks 100000

Scenes begin where full braking is still possible; what stands in them stays there. Plans are drawn
anew in half of the ticks: NaN and infinities, 100 m/s^2, jumps from one side to the other, full
acceleration, noise. Prints counts and the time of a tick. Exits with 1 where a count is not 0.
"""

import argparse
import sys
import time

import numpy as np
import shapely
from tqdm import tqdm

from avvla.actions.unicycle import DT_S, step
from avvla.agent import boxes, braking, envelope
from avvla.agent.motion import Action, Body, State, Surroundings
from avvla.agent.override import Memory, guard

BODY = Body()
HARD = (np.nan, np.inf, -np.inf, 100.0, -100.0, 1e300, 0.0)
TICKS = 60
"""Of a scene."""


def scene(draw: np.random.Generator) -> tuple[State, Surroundings]:
    """A start and what stands around it."""
    while True:
        count = int(draw.integers(0, 6))
        rows = np.zeros((count, 7))
        rows[:, 0], rows[:, 1] = draw.uniform(-10, 60, count), draw.uniform(-8, 8, count)
        rows[:, 2] = draw.uniform(-np.pi, np.pi, count)
        rows[:, 3], rows[:, 4] = draw.uniform(0.3, 9, count), draw.uniform(0.3, 3, count)
        road = shapely.box(-20, -6, 120, 6) if draw.uniform() < 0.3 else None
        state = State(0.0, 0.0, float(draw.uniform(-0.3, 0.3)), float(draw.uniform(0, 25)))
        around = Surroundings(rows, road)
        if braking.safe(state, braking.brake(state.speed, Action(0.0, 0.0)), around, BODY):
            return state, around


def plan(draw: np.random.Generator) -> np.ndarray:
    """Whatever a policy may say."""
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


def moved(state: State, action: Action) -> State:
    """A tick later."""
    pose = np.array([state.x, state.y, state.yaw, state.speed])
    x, y, yaw, speed = step(pose, np.array([action.acceleration, action.curvature])).tolist()
    return State(x, y, yaw, max(speed, 0.0))


def touches(state: State, around: Surroundings) -> bool:
    """Whether the ego touches something or is off the road."""
    x = state.x + BODY.ahead * np.cos(state.yaw)
    y = state.y + BODY.ahead * np.sin(state.yaw)
    box = np.array([x, y, state.yaw, BODY.length, BODY.width])
    if len(around.obstacles) and boxes.overlap(box, around.obstacles[:, :5]).any():
        return True
    corner = boxes.corners(box)
    on = around.drivable
    return on is not None and not shapely.contains_xy(on, corner[:, 0], corner[:, 1]).all()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ticks", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    draw = np.random.default_rng(arguments.seed)
    left = hit = overridden = 0
    taken = []
    for _ in tqdm(range(arguments.ticks // TICKS), unit="scene", mininterval=5):
        state, around = scene(draw)
        memory, wanted = Memory(), plan(draw)
        for _ in range(TICKS):
            wanted = plan(draw) if draw.uniform() < 0.5 else wanted
            begin = time.perf_counter()
            result = guard(state, wanted, around, memory, BODY)
            taken.append(time.perf_counter() - begin)
            left += not envelope.inside(result.action, state.speed, memory.before)
            overridden += bool(result.reasons)
            memory, state = result.memory, moved(state, result.action)
            hit += touches(state, around)
    ms = np.array(taken) * 1e3
    print(f"ticks: {len(taken)} of {DT_S:g} s, overridden: {overridden}")
    print(f"left the envelope: {left}\ntouched something or left the road: {hit}")
    print(f"a tick: median {np.median(ms):.2f} ms, p99 {np.percentile(ms, 99):.2f} ms")
    return int(left + hit > 0)


if __name__ == "__main__":
    sys.exit(main())
