"""data/lerobot -> models/field_agent, results/train/metrics.json and its curves."""

from __future__ import annotations

from pathlib import Path

from _run import LEROBOT, run

from avvla import host
from avvla.config import Params
from avvla.dataset import split
from avvla.dataset.episodes import of_robot
from avvla.dataset.frames import load
from avvla.policy.checkpoint import Checkpoint, save_checkpoint
from avvla.results import write_curve, write_metrics
from avvla.training import summary
from avvla.training.drives import train as train_agent
from avvla.training.episodes import train as train_robot
from avvla.training.loop import History

MODEL = Path("models/field_agent")
RESULTS = Path("results/train")


def train(params: Params) -> None:
    if of_robot(LEROBOT):
        checkpoint, history = train_robot(params, LEROBOT, host.device(), MODEL)
    else:
        checkpoint, history = _on_drives(params)
    save_checkpoint(MODEL, *checkpoint)
    write_metrics(RESULTS / "metrics.json", summary.metrics(history, checkpoint.policy))
    for term, curve in summary.curves(history).items():
        write_curve(RESULTS / "plots" / f"{term}.tsv", ("step", term), curve)


def _on_drives(params: Params) -> tuple[Checkpoint, History]:
    parts = split.load(LEROBOT)
    training = load(LEROBOT, parts.train.episodes)
    validation = load(LEROBOT, parts.validation.episodes)
    return train_agent(params, training, validation, host.device())


if __name__ == "__main__":
    run(train)
