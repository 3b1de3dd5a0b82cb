"""data/lerobot -> models/field_agent, results/train/metrics.json and its curves."""

from __future__ import annotations

from pathlib import Path

from _run import LEROBOT, run

from avvla import host
from avvla.config import Params
from avvla.dataset import split
from avvla.dataset.frames import load
from avvla.policy.checkpoint import save_checkpoint
from avvla.results import write_curve, write_metrics
from avvla.training import summary
from avvla.training.loop import train as train_agent

MODEL = Path("models/field_agent")
RESULTS = Path("results/train")


def train(params: Params) -> None:
    parts = split.load(LEROBOT)
    training = load(LEROBOT, parts.train.episodes)
    validation = load(LEROBOT, parts.validation.episodes)
    checkpoint, history = train_agent(params, training, validation, host.device())
    save_checkpoint(MODEL, *checkpoint)
    write_metrics(RESULTS / "metrics.json", summary.metrics(history, checkpoint.policy))
    for term, curve in summary.curves(history).items():
        write_curve(RESULTS / "plots" / f"{term}.tsv", ("step", term), curve)


if __name__ == "__main__":
    run(train)
