"""data/lerobot -> models/field_agent and results/train."""

from __future__ import annotations

from pathlib import Path

from _run import LEROBOT, run

from avvla import host
from avvla.config import Params
from avvla.dataset import split
from avvla.dataset.episodes import of_robot
from avvla.dataset.frames import load
from avvla.policy.checkpoint import save_checkpoint
from avvla.training import drives, episodes, group, summary
from avvla.training.loop import Trained
from avvla.training.state import Run, run_of

MODEL = Path("models/field_agent")
RESULTS = Path("results/train")


def train(params: Params) -> None:
    parts = split.load(LEROBOT)
    work = host.work_root() / "train"
    if of_robot(LEROBOT):
        kept = run_of(work, params, LEROBOT, episodes.__name__)
        trained = episodes.train(params, LEROBOT, host.device(), MODEL, kept)
    else:
        kept = run_of(work, params, LEROBOT, drives.__name__)
        trained = _on_drives(params, parts, kept)
    if group.leads():
        save_checkpoint(MODEL, *trained.checkpoint)
        summary.write(trained, parts, RESULTS)
        kept.prune()


def _on_drives(params: Params, parts: split.Split, kept: Run) -> Trained:
    training = load(LEROBOT, parts.train.episodes)
    validation = load(LEROBOT, parts.validation.episodes)
    return drives.train(params, training, validation, host.device(), kept)


if __name__ == "__main__":
    run(train)
