"""models/field_agent, data/lerobot -> results/evaluate: metrics, plots, drives, examples."""

from __future__ import annotations

from pathlib import Path

from _run import LEROBOT, run

from avvla import host
from avvla.config import Params
from avvla.dataset import split
from avvla.dataset.episodes import of_robot
from avvla.dataset.frames import load
from avvla.errors import UserError
from avvla.evaluation import curves, open_loop, suite
from avvla.evaluation.drivers import Drivers
from avvla.evaluation.drives import save_drives
from avvla.evaluation.examples import choose, save_examples
from avvla.evaluation.suite import AGENT, DRIVERS
from avvla.results import write_metrics

MODEL = Path("models/field_agent")
RESULTS = Path("results/evaluate")


def evaluate(params: Params) -> None:
    if of_robot(LEROBOT):
        raise UserError(
            f"{LEROBOT} holds episodes of a robot arm, which has no closed loop in the embedded"
            " world: its loss and action error on held-out episodes are in"
            " results/train/metrics.json, and `dvc repro train` is the end of its pipeline"
        )
    held_out = split.load(LEROBOT).validation
    samples = load(LEROBOT, held_out.episodes[: params.evaluate.max_clips])
    drivers = Drivers(MODEL, host.device())
    paths = {driver: open_loop.plan_paths(drivers(driver), samples) for driver in DRIVERS}
    apart = {
        driver: open_loop.displacement(path, samples.trajectory) for driver, path in paths.items()
    }
    metrics = {"open_loop": open_loop.metrics(apart, samples.command)}
    drives = {}
    if params.evaluate.roads:
        drives = suite.run(drivers, params, host.workers())
        metrics["closed_loop"] = suite.metrics(drives)
    write_metrics(RESULTS / "metrics.json", metrics)
    curves.write(RESULTS / "plots", apart, drives)
    save_drives(RESULTS / "drives.npz", drives)
    save_examples(RESULTS / "examples.npz", choose(samples, paths[AGENT]))


if __name__ == "__main__":
    run(evaluate)
