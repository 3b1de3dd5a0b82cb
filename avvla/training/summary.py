"""What a training leaves behind for people: its last figures and a curve for each term."""

from __future__ import annotations

from typing import Any

from lerobot.policies.smolvla.modeling_smolvla import SmolVLAPolicy

from avvla.training.loop import History

Curve = list[tuple[int, float]]
"""(step, value) pairs."""


def metrics(history: History, policy: SmolVLAPolicy) -> dict[str, Any]:
    """The last value of every term, and the number of weights, all and trained ones."""
    weights = list(policy.parameters())
    last = dict(history.rows[-1])
    return {
        "steps": int(last.pop("step")),
        "parameters": sum(weight.numel() for weight in weights),
        "parameters_trained": sum(weight.numel() for weight in weights if weight.requires_grad),
        **last,
    }


def curves(history: History) -> dict[str, Curve]:
    """The values of every term over the steps; the validation loss has its last step alone."""
    names = sorted({name for row in history.rows for name in row} - {"step"})
    return {
        name: [(int(row["step"]), row[name]) for row in history.rows if name in row]
        for name in names
    }
