"""The safety override against policies without sense: is the envelope ever left, is anything hit?

    python bench/safety.py --ticks 100000

Scenes begin where full braking is still possible; what stands in them stays there. Plans are drawn
anew in half of the ticks: NaN and infinities, 100 m/s^2, jumps from one side to the other, full
acceleration, noise. Prints counts and the time of a tick. Exits with 1 where a count is not 0.
"""

import argparse
import sys
import time
from pathlib import Path

import numpy as np
from tqdm import tqdm

from avvla.actions.unicycle import DT_S
from avvla.agent import envelope
from avvla.agent.override import Memory, guard

# The vehicle, scenes and plans are those of the tests.
sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from driving import BODY, moved, on_the_road, random_plan, random_scene, touches

TICKS = 60
"""Of a scene."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ticks", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    draw = np.random.default_rng(arguments.seed)
    left = hit = overridden = 0
    taken = []
    for _ in tqdm(range(arguments.ticks // TICKS), unit="scene", mininterval=5):
        state, around = random_scene(draw)
        memory, wanted = Memory(), random_plan(draw)
        for _ in range(TICKS):
            wanted = random_plan(draw) if draw.uniform() < 0.5 else wanted
            begin = time.perf_counter()
            result = guard(state, wanted, around, memory, BODY)
            taken.append(time.perf_counter() - begin)
            left += not envelope.inside(result.action, state.speed, memory.before)
            overridden += bool(result.reasons)
            memory, state = result.memory, moved(state, result.action)
            off = around.drivable is not None and not on_the_road(state, around.drivable)
            hit += off or touches(state, around.obstacles)
    ms = np.array(taken) * 1e3
    print(f"ticks: {len(taken)} of {DT_S:g} s, overridden: {overridden}")
    print(f"left the envelope: {left}\ntouched something or left the road: {hit}")
    print(f"a tick: median {np.median(ms):.2f} ms, p99 {np.percentile(ms, 99):.2f} ms")
    return int(left + hit > 0)


if __name__ == "__main__":
    sys.exit(main())
