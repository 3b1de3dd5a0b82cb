"""What a training leaves behind for people: last figures, curves, spikes, what was held out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from avvla.dataset.split import Split
from avvla.results import write_curve, write_metrics, write_text
from avvla.training import spikes
from avvla.training.loop import Trained


def write(trained: Trained, split: Split, folder: Path) -> None:
    """metrics.json, plots/<curve>.tsv, loss_spikes.{csv,txt} and validation_episodes.txt."""
    write_metrics(folder / "metrics.json", metrics(trained))
    names = sorted({name for row in trained.rows for name in row} - {"step"})
    for name in names:
        curve = [(int(row["step"]), row[name]) for row in trained.rows if name in row]
        write_curve(folder / "plots" / f"{name}.tsv", ("step", name), curve)
    write_text(folder / "loss_spikes.csv", spikes.table(trained.spikes))
    write_text(folder / "loss_spikes.txt", spikes.lines(trained.spikes))
    write_text(folder / "validation_episodes.txt", held_out(split))


def metrics(trained: Trained) -> dict[str, Any]:
    """The last value of every curve, the number of spikes, and of weights, all and trained ones."""
    weights = list(trained.checkpoint.policy.parameters())
    last: dict[str, float] = {}
    for row in trained.rows:
        last |= row
    steps = int(last.pop("step"))
    return {
        **last,
        "steps": steps,
        "spikes": len(trained.spikes),
        "parameters": sum(weight.numel() for weight in weights),
        "parameters_trained": sum(weight.numel() for weight in weights if weight.requires_grad),
    }


def held_out(split: Split) -> str:
    """How many episodes are held out and which: index and clip or file, one a line."""
    count, everyone = len(split.validation.episodes), len(split.train.episodes)
    rows = zip(split.validation.episodes, split.validation.clips, strict=True)
    lines = [f"{episode} {clip}" for episode, clip in rows]
    return "\n".join([f"{count} of {count + everyone} episodes are held out", *lines, ""])
