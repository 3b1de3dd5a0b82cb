"""Learning-rate schedule: linear warm-up, then half a cosine (arXiv 1608.03983, equation 5)."""

from __future__ import annotations

import math


def learning_rate_factor(step: int, steps: int, warmup: int, final: float) -> float:
    """Share of the peak rate at `step` of `steps`: up to 1 in `warmup` steps, down to `final`."""
    if step < warmup:
        return (step + 1) / warmup
    progress = min((step - warmup) / max(steps - warmup, 1), 1.0)
    return final + (1.0 - final) * (1.0 + math.cos(math.pi * progress)) / 2.0
