"""Speed of the embedded world: camera frames and simulated steps a second of one core's time.

A render is the front camera at the data set's size with all randomisation on; a step is the expert,
traffic, dynamics and the checks for collision and road. Every family counts alike.
"""

import json
import time

import cv2

from avvla.actions.unicycle import DT_S
from avvla.config import Synthetic
from avvla.world import expert
from avvla.world.embedded import EmbeddedWorld
from avvla.world.recording import synthetic_camera
from avvla.world.scenario import FAMILIES, draw_scenario

DRIVES = 3
STEPS = 150
RENDERS = 60


def timed(world: EmbeddedWorld) -> tuple[float, int, float, int]:
    """Processor seconds and count of steps, the same of renders, over one drive."""
    steps_s, renders_s, steps, renders = 0.0, 0.0, 0, 0
    while steps < STEPS and not world.finished:
        begin = time.process_time()
        world.step(*expert.act(world))
        steps_s, steps = steps_s + time.process_time() - begin, steps + 1
        if renders < RENDERS:
            begin = time.process_time()
            world.render()
            renders_s, renders = renders_s + time.process_time() - begin, renders + 1
    return steps_s, steps, renders_s, renders


def main() -> None:
    cv2.setNumThreads(1)
    params = Synthetic()
    camera = synthetic_camera(params)
    step_s, render_s = [], []
    print(f"{'family':<20}{'steps/s':>10}{'renders/s':>12}")
    for family in FAMILIES:
        world, sums = EmbeddedWorld(camera, params.randomisation), [0.0, 0.0, 0.0, 0.0]
        for seed in range(DRIVES):
            world.reset(draw_scenario(family, 4, seed), 4, seed)
            sums = [a + b for a, b in zip(sums, timed(world), strict=True)]
        step_s.append(sums[0] / sums[1])
        render_s.append(sums[2] / sums[3])
        print(f"{family:<20}{1 / step_s[-1]:>10.0f}{1 / render_s[-1]:>12.0f}")
    steps_per_s, renders_per_s = len(step_s) / sum(step_s), len(render_s) / sum(render_s)
    print(
        json.dumps(
            {
                "renders_per_s": round(renders_per_s),
                "steps_per_s": round(steps_per_s),
                "times_real_time": round(steps_per_s * DT_S, 1),
                "width": params.camera_width,
                "height": params.camera_height,
            }
        )
    )


if __name__ == "__main__":
    main()
