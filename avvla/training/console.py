"""What a training says while it runs, a line at a time."""

from __future__ import annotations

from collections.abc import Mapping

import psutil
import torch

GB = 2.0**30


def line(row: Mapping[str, float], steps: int) -> str:
    """A row of the curves: how far, the loss and its terms, the rate, the memory."""
    step = int(row["step"])
    terms = [f"{name.removeprefix('loss_')} {row[name]:.4f}" for name in row if "loss_" in name]
    return (
        f"[{step / steps:4.0%}] step {step}/{steps} loss {row['loss']:.4f} ({', '.join(terms)})"
        f" lr {row['learning_rate']:.2e} gradient {row['gradient_norm']:.2f}"
        f" VRAM {vram_gb():.1f} GB RAM {ram_gb():.1f} GB"
    )


def validation_line(figures: Mapping[str, float]) -> str:
    """Figures on held-out samples."""
    told = ", ".join(
        f"{name.removeprefix('validation_')} {value:.4f}"
        for name, value in figures.items()
        if name != "step"
    )
    return f"[VAL] step {int(figures['step'])} {told}"


def vram_gb() -> float:
    """Memory that torch holds on this process's GPU, 0 without one [GiB]."""
    return torch.cuda.memory_allocated() / GB if torch.cuda.is_available() else 0.0


def ram_gb() -> float:
    """Memory of this process [GiB]."""
    return float(psutil.Process().memory_info().rss / GB)
