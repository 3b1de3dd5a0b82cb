"""Reinforcement learning on the embedded world: speed, and what is learned against chance.

    python bench/rl.py [--seeds 0 1 2] [--figure docs/rl.svg]

Each seed is trained by `avvla rl train` with pipelines/rl/params.yaml; every checkpoint then drives
20 unseen roads without exploration, and so does chance. Steps a second are of the command from its
first iteration to its last, learning and checkpoints included. `ratio` is the worst seed's return
over that of chance.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
import yaml

from avvla.evaluation.charts import Line, chart_file, line_chart
from avvla.rl.driver import load_driver
from avvla.rl.environment import make_environment
from avvla.rl.evaluation import baseline, evaluate
from avvla.rl.reading import load_settings
from avvla.rl.run_folder import RunFolder

PARAMS = Path("pipelines/rl/params.yaml")
STEPS = 3_000


def environment_rate() -> float:
    """Steps a second of processor time of one environment by chance, resets included."""
    environment = make_environment(load_settings(PARAMS))
    environment.action_space.seed(0)
    environment.reset(seed=0)
    begin = time.process_time()
    for _ in range(STEPS):
        _, _, terminated, truncated, _ = environment.step(environment.action_space.sample())
        if terminated or truncated:
            environment.reset()
    return STEPS / (time.process_time() - begin)


def trained(seed: int, folder: Path) -> tuple[RunFolder, dict[str, float]]:
    """A training of one seed, and its times."""
    config = folder / f"seed{seed}.yaml"
    config.write_text(yaml.safe_dump({**yaml.safe_load(PARAMS.read_text()), "seed": seed}))
    begin = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "avvla.cli", "rl", "train", config, "--directory", folder],
        stdout=subprocess.PIPE,
        text=True,
    )
    moments = []
    for line in process.stdout or ():
        print(f"seed {seed}: {line}", end="", file=sys.stderr)
        if line.startswith("["):
            moments.append((int(line.split("step ")[1].split("/")[0]), time.perf_counter()))
    if process.wait():
        sys.exit(f"the training of seed {seed} failed")
    (first, early), (last, late) = moments[0], moments[-1]
    times = {"steps_per_s": (last - first) / (late - early), "seconds": time.perf_counter() - begin}
    return RunFolder(folder / f"seed{seed}"), times


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--figure", type=Path, metavar="FILE.svg", help="draw the curves")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    figures, lines, chances = {}, [], []
    with tempfile.TemporaryDirectory(prefix="avvla-rl-") as name:
        for seed in arguments.seeds:
            run, times = trained(seed, Path(name))
            points = []
            for checkpoint in run.checkpoints():
                settings, driver = load_driver(checkpoint.driver)
                found = evaluate(settings, driver)
                points.append((checkpoint.progress.steps, found["return"]))
                told = f"step {points[-1][0]}, return {found['return']:.1f}"
                print(f"seed {seed}: {told}", file=sys.stderr)
            chance = baseline(settings)["return"]
            chances.append(chance)
            lines.append(Line(f"seed {seed}", points))
            figures[str(seed)] = {
                "return": round(found["return"], 1),
                "success": found["success"],
                "chance": round(chance, 1),
                "ratio": round(found["return"] / chance, 2),
                **{key: round(value, 1) for key, value in times.items()},
            }
    if arguments.figure is not None:
        ends = [points[0][0] for points in (line.points for line in lines)], lines[0].points[-1][0]
        level = float(np.mean(chances))
        lines.append(Line("chance", [(min(ends[0]), level), (ends[1], level)]))
        chart = line_chart(lines, "environment steps", "mean return of 20 unseen roads")
        arguments.figure.write_text(chart_file(chart))
    print(
        json.dumps(
            {
                "environment_steps_per_s": round(environment_rate()),
                "ratio": min(row["ratio"] for row in figures.values()),
                "seeds": figures,
                "train_steps_per_s": min(row["steps_per_s"] for row in figures.values()),
            },
            sort_keys=True,
        )
    )


if __name__ == "__main__":
    main()
