"""The metrics that Alpasim's evaluation left for each rollout."""

from __future__ import annotations

import math
from pathlib import Path

from avvla.alpasim import aggregation

EVALUATED = ("aggregate/metrics_unprocessed.parquet", "eval/metrics_unprocessed.parquet")
"""Where older versions put the metrics of all rollouts, in order of preference."""
OWN = "metrics.parquet"
"""Where newer versions put those of one rollout, in its folder."""


def of_run(run: Path) -> dict[tuple[str, str], dict[str, float]]:
    """Metrics of each (scene, rollout) of a run; empty before its evaluation.

    Raises:
        UserError: a table is damaged.
    """
    for name in EVALUATED:
        if (run / name).exists():
            return _rows(run / name)
    found: dict[tuple[str, str], dict[str, float]] = {}
    for path in sorted(run.glob(f"rollouts/*/*/{OWN}")):
        found |= _rows(path)
    return found


def _rows(path: Path) -> dict[tuple[str, str], dict[str, float]]:
    rollouts = aggregation.over_time(aggregation.read(path))
    scenes, names = (
        rollouts.index.get_level_values(level).astype(str) for level in aggregation.ROLLOUT[1:]
    )
    return {
        key: {
            str(name): float(value) for name, value in sorted(row.items()) if math.isfinite(value)
        }
        for key, row in zip(
            zip(scenes, names, strict=True), rollouts.to_dict("records"), strict=True
        )
    }
