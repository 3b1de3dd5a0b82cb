"""What a flow step of a trained Field Agent costs, and what it gains on the validation clips.

.venv/bin/python bench/flow_steps.py [--checkpoint models/field_agent] [--data data/lerobot]

ADE and FDE are over 6.4 s of every validation sample, from zero noise; the time is that of
`FieldAgent.plan` for one observation, from the image to the plan, on one thread. The settings take
turns and the median of all rounds counts. `ratio` is the time of LeRobot's ten steps over that of
the checkpoint's own number.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"  # read when torch is imported

import torch

from avvla.dataset import split
from avvla.dataset.frames import Samples, load
from avvla.evaluation import open_loop
from avvla.policy.configuration_field_agent import read_config
from avvla.policy.driver import FieldAgent
from avvla.policy.interface import Observation

STEPS = (1, 2, 4, 10)
ROUNDS = 25


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--checkpoint", type=Path, default=Path("models/field_agent"))
    parser.add_argument("--data", type=Path, default=Path("data/lerobot"))
    arguments = parser.parse_args()
    samples = load(arguments.data, split.load(arguments.data).validation.episodes)
    drivers = {
        f"{steps} {label}": FieldAgent(arguments.checkpoint, "cpu", flow_steps=steps, dtype=dtype)
        for steps in STEPS
        for label, dtype in (("float32", torch.float32), ("bfloat16", torch.bfloat16))
    }
    took = latencies(drivers, samples)
    print(f"{len(samples.state)} validation samples, load {os.getloadavg()[0]:.1f}\n")
    print(f"{'flow steps':<14}{'ADE m':>9}{'FDE m':>9}{'ms':>8}")
    figures: dict[str, object] = {"n": len(samples.state)}
    for name, driver in drivers.items():
        found = open_loop.errors(open_loop.plans(driver, samples), samples)
        errors = {label: float(value.mean()) for label, value in found.items()}
        ade, fde = errors["ade_6.4s"], errors["fde_6.4s"]
        print(f"{name:<14}{ade:>9.4f}{fde:>9.4f}{1e3 * took[name]:>8.2f}", flush=True)
        figures[name] = {"ade_m": round(ade, 4), "fde_m": round(fde, 4)} | {
            "ms": round(1e3 * took[name], 2)
        }
    own = read_config(arguments.checkpoint).num_steps
    ratio = took["10 float32"] / took[f"{own} float32"]
    print(json.dumps({**figures, "ratio": round(ratio, 2)}))


def latencies(drivers: dict[str, FieldAgent], samples: Samples) -> dict[str, float]:
    """Median time [s] of a plan for one observation."""
    seen = Observation(
        image=samples.image[:1],
        speed_mps=samples.state[:1, 0].astype(float),
        heading_change_rad=samples.state[:1, 1].astype(float),
        command=samples.command[:1],
    )
    taken: dict[str, list[float]] = {name: [] for name in drivers}
    for turn in range(ROUNDS + 1):
        for name, driver in drivers.items():
            begin = time.perf_counter()
            driver.plan(seen)
            if turn:  # the first warms up
                taken[name].append(time.perf_counter() - begin)
    return {name: statistics.median(times) for name, times in taken.items()}


if __name__ == "__main__":
    main()
