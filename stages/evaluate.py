"""models/field_agent, data/lerobot -> results/evaluate: metrics, plots, drives, examples."""

from __future__ import annotations

from pathlib import Path

from _run import LEROBOT, run

from avvla import host
from avvla.config import Params
from avvla.dataset import split
from avvla.dataset.episodes import of_robot
from avvla.dataset.frames import load, load_motion
from avvla.errors import UserError
from avvla.evaluation import curves, open_loop, ride, suite, timeline
from avvla.evaluation.drivers import Drivers
from avvla.evaluation.drives import save_drives
from avvla.evaluation.examples import choose, save_examples
from avvla.evaluation.names import AGENT, DRIVERS, EGO_STATE
from avvla.policy import ego_state
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
    parts = split.load(LEROBOT)
    samples = load(LEROBOT, parts.validation.episodes[: params.evaluate.max_clips])
    drivers = Drivers(MODEL, host.device())
    plans = {
        driver: open_loop.plans(drivers(driver), samples)
        for driver in DRIVERS
        if driver != EGO_STATE
    }
    seen = load_motion(LEROBOT, parts.train.episodes)
    without_looking = ego_state.fit(seen.state, seen.trajectory, seen.command)
    plans[EGO_STATE] = open_loop.plans(without_looking, samples)
    drawn = open_loop.sampled(drivers.agent(), samples)
    errors = {
        driver: open_loop.errors(plans[driver], samples, drawn if driver == AGENT else ())
        for driver in DRIVERS
    }
    metrics = {
        "open_loop": open_loop.metrics(errors, samples.clip_id),
        "comfort": {
            driver: ride.metrics(plans[driver], samples.state[:, 0], samples.action[:, 0])
            for driver in DRIVERS
        },
    }
    drives = {}
    if params.evaluate.roads:
        drives = suite.run(drivers, params, host.workers())
        metrics["closed_loop"] = suite.metrics(drives)
    write_metrics(RESULTS / "metrics.json", metrics)
    write_metrics(RESULTS / "bands.json", open_loop.in_bands(errors, samples))
    curves.write(
        RESULTS / "plots",
        {
            driver: open_loop.displacement(plans[driver].trajectory, samples.trajectory)
            for driver in DRIVERS
        },
        drives,
    )
    save_drives(RESULTS / "drives.npz", drives)
    timeline.record(drivers.agent(), params, RESULTS / "timeline.parquet")
    save_examples(RESULTS / "examples.npz", choose(samples, plans[AGENT].trajectory))


if __name__ == "__main__":
    run(evaluate)
