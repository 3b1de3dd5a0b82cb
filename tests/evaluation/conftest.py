from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from avvla.actions.unicycle import rollout
from avvla.config import Params
from avvla.evaluation import curves, open_loop, ride, suite, timeline
from avvla.evaluation.closed_loop import drive_family
from avvla.evaluation.drive import Drive
from avvla.evaluation.drives import save_drives
from avvla.evaluation.examples import choose, save_examples
from avvla.evaluation.judges import JUDGED
from avvla.evaluation.names import DRIVERS, ON_THE_ROAD
from avvla.policy.interface import ConstantVelocity
from avvla.results import write_curve, write_metrics

SIZE = 32


@dataclass(frozen=True)
class FewSamples:
    """What the evaluation reads of `avvla.dataset.frames.Samples`."""

    image: np.ndarray
    state: np.ndarray
    action: np.ndarray
    trajectory: np.ndarray
    command: tuple[str, ...]
    clip_id: tuple[str, ...]


@pytest.fixture(scope="session")
def params() -> Params:
    return Params.model_validate(
        {
            "build": {"image_size": SIZE},
            "evaluate": {"roads": 2, "duration_s": 2.0, "replan_ticks": 60},
        }
    )


@pytest.fixture(scope="session")
def samples() -> FewSamples:
    """Seven samples at 5 to 11 m/s whose drivers turn more and more to the left."""
    rng = np.random.default_rng(5)
    action = np.zeros((7, 64, 2))
    action[..., 1] = 0.004 * np.arange(7)[:, None]
    speed = np.arange(5.0, 12.0)
    return FewSamples(
        image=rng.integers(0, 256, (7, SIZE, SIZE, 3), np.uint8),
        state=np.stack([speed, np.zeros(7)], -1).astype(np.float32),
        action=action.astype(np.float32),
        trajectory=rollout(speed, action)[..., :3].astype(np.float32),
        command=("Follow the lane",) * 4 + ("Turn left",) * 3,
        clip_id=tuple(f"clip-{index}" for index in range(7)),
    )


@pytest.fixture(scope="session")
def drives(params: Params) -> dict[str, list[Drive]]:
    """Constant velocity on two roads of every family, under the name of every driver."""
    listed = [
        drive
        for family in JUDGED
        for drive in drive_family(
            family,
            [0, 1],
            ConstantVelocity(),
            params.evaluate,
            params.build,
            params.dataset.synthetic,
            scored=True,
        )
    ]
    return dict.fromkeys(ON_THE_ROAD, listed)


@pytest.fixture
def results(
    tmp_path: Path, params: Params, samples: FewSamples, drives: dict[str, list[Drive]]
) -> Path:
    """The results folder of the stages train and evaluate."""
    folder = tmp_path / "results"
    plan = open_loop.plans(ConstantVelocity(), samples)
    distance = open_loop.displacement(plan.trajectory, samples.trajectory)
    distances = dict.fromkeys(DRIVERS, distance)
    errors = dict.fromkeys(DRIVERS, open_loop.errors(plan, samples))
    comfort = ride.metrics(plan, samples.state[:, 0], samples.action[:, 0])
    metrics = {
        "open_loop": open_loop.metrics(errors, samples.clip_id),
        "comfort": dict.fromkeys(DRIVERS, comfort),
        "closed_loop": suite.metrics(drives),
    }
    write_metrics(folder / "evaluate/metrics.json", metrics)
    write_metrics(folder / "evaluate/bands.json", open_loop.in_bands(errors, samples))
    curves.write(folder / "evaluate/plots", distances, drives)
    save_drives(folder / "evaluate/drives.npz", drives)
    timeline.record(ConstantVelocity(), params, folder / "evaluate/timeline.parquet")
    save_examples(folder / "evaluate/examples.npz", choose(samples, plan.trajectory))
    write_metrics(folder / "train/metrics.json", {"steps": 20, "loss_flow": 0.5})
    loss = ("step", "loss_flow")
    write_curve(folder / "train/plots/loss_flow.tsv", loss, [(10, 0.9), (20, 0.5)])
    held_out = "validation_loss_flow"
    write_curve(folder / f"train/plots/{held_out}.tsv", ("step", held_out), [(20, 0.6)])
    return folder
