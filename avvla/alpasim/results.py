"""The metrics that Alpasim's evaluation left for each rollout."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from avvla.alpasim import aggregation
from avvla.alpasim.rollouts import Rollout
from avvla.alpasim.run_folder import EVAL
from avvla.alpasim.yaml_file import read

EVALUATED = ("aggregate/metrics_unprocessed.parquet", "eval/metrics_unprocessed.parquet")
"""Where older versions put the metrics of all rollouts, in order of preference."""
OWN = "metrics.parquet"
"""Where newer versions put those of one rollout, in its folder."""
Metrics = dict[str, float]


def evaluated(run: Path) -> Path | None:
    """The table of all rollouts, where the version has one and the run is evaluated."""
    return next((run / name for name in EVALUATED if (run / name).exists()), None)


def of_all(run: Path) -> dict[tuple[str, str], Metrics]:
    """Metrics of each (scene, rollout) from the table of all; empty without one.

    Raises:
        UserError: the table is damaged.
    """
    path = evaluated(run)
    return {} if path is None else _rows(path, largest_distance_m(run))


def of_one(rollout: Rollout, run: Path) -> Metrics:
    """Metrics of a rollout from its own table; empty without one.

    Raises:
        UserError: the table is damaged.
    """
    path = rollout.folder / OWN
    if not path.exists():
        return {}
    return next(iter(_rows(path, largest_distance_m(run)).values()), {})


def largest_distance_m(run: Path) -> float:
    """The distance from the recorded path at which a rollout no longer counts [m].

    Raises:
        UserError: the run's evaluation configuration is damaged.
    """
    if not (run / EVAL).exists():
        return aggregation.LARGEST_DISTANCE_M
    section = read(run / EVAL).plain.get("aggregation_modifiers")
    given = section.get("max_dist_to_gt_trajectory") if isinstance(section, dict) else None
    number = as_number(given)
    return aggregation.LARGEST_DISTANCE_M if number is None else number


def as_number(value: Any) -> float | None:
    """A value as float where it is a number, infinity too; a bool or NaN is none."""
    if isinstance(value, bool) or value is None:
        return None
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return None if math.isnan(number) else number


def _rows(path: Path, distance_m: float) -> dict[tuple[str, str], Metrics]:
    rollouts = aggregation.over_time(aggregation.read(path), distance_m)
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
