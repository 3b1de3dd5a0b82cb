"""Metrics per time step to metrics per rollout and per run, as Alpasim's aggregation does it.

For versions that leave no table of the result. In this order: steps before `eval_relevant` are left
out; rollouts with a black image are left out; steps after the first collision or departure from the
road are cut, then those after the first that is 4 m or more from the recorded path (the step itself
stays); each metric is reduced over time in its own way, then averaged over scenes, then rollouts.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from avvla.errors import UserError

COLUMNS = (
    "name", "timestamps_us", "values", "valid", "time_aggregation",
    "clipgt_id", "rollout_id", "run_uuid",
)  # fmt: skip
ROLLOUT = ["run_uuid", "clipgt_id", "rollout_id"]
LARGEST_DISTANCE_M = 4.0
REDUCTIONS = ("mean", "median", "max", "min", "last", "first", "sum")
COMBINED = {
    "offroad_or_collision": ("collision_any", "offroad"),
    "collision_at_fault": ("collision_front", "collision_lateral"),
    "offroad_or_collision_at_fault": ("collision_front", "collision_lateral", "offroad"),
}
"""Events that are the case when one of their parts is."""


def read(path: Path) -> pd.DataFrame:
    """A table of metrics per time step, one row per metric and time.

    Raises:
        UserError: it is missing, damaged, or lacks a column.
    """
    try:
        table = pd.read_parquet(path)
    except (OSError, ValueError, pa.ArrowException) as error:
        line = " ".join(str(error).split())
        raise UserError(
            f"{path} cannot be read ({line:.200}), expected metrics of Alpasim's evaluation: run"
            " `avvla alpasim up RUN --role sim`"
        ) from None
    missing = [name for name in COLUMNS if name not in table]
    if missing:
        raise UserError(
            f"{path} has no column {', '.join(missing)}, expected {', '.join(COLUMNS)}: it is of a"
            " version of Alpasim that is not known here"
        )
    if any(isinstance(value, list | np.ndarray) for value in table["values"].head(1)):
        table = table.explode(["timestamps_us", "values", "valid"])
    return table


def over_time(table: pd.DataFrame, distance_m: float = LARGEST_DISTANCE_M) -> pd.DataFrame:
    """A row per rollout, indexed by run, scene and rollout, a column per metric.

    Raises:
        UserError: a metric has a reduction that is not known, or no number as its value.
    """
    first = table.groupby("name")["time_aggregation"].first()
    how = {str(name): str(reduction) for name, reduction in first.items()}
    for name, reduction in how.items():
        if reduction not in REDUCTIONS:
            raise UserError(
                f"the metric {name} is reduced over time by {reduction!r}, expected one of"
                f" {', '.join(REDUCTIONS)}: it is of a version of Alpasim that is not known here"
            )
    try:
        values = table.assign(values=table["values"].astype(float))
    except (TypeError, ValueError) as error:
        raise UserError(
            f"a metric's value is no number ({error}): evaluate the run again"
        ) from None
    wide = values.pivot_table(
        index=[*ROLLOUT, "timestamps_us"], columns="name", values="values", aggfunc="first"
    )
    how |= _combine(wide)
    wide = _cut(wide, "eval_relevant", 0.0, before=True)
    if "img_is_black" in wide:
        black = (wide["img_is_black"] > 0).groupby(level=ROLLOUT).transform("max")
        wide = wide[~black.astype(bool)]
    wide = _cut(wide, "offroad_or_collision", 0.0)
    wide = _cut(wide, "dist_to_gt_trajectory", np.nextafter(distance_m, 0))
    grouped = wide.groupby(level=ROLLOUT)
    columns = {name: grouped[name].agg(how[str(name)]) for name in wide.columns}
    return pd.DataFrame(columns)


def over_rollouts(rollouts: pd.DataFrame) -> dict[str, tuple[float, float | None]]:
    """Mean over scenes, then over repetitions, of each metric, and the deviation between these.

    The deviation is None where a scene was driven once. Distances between incidents are in
    kilometres, and infinite without an incident.
    """
    runs = rollouts.index.get_level_values("run_uuid").astype(str)
    names = rollouts.index.get_level_values("rollout_id").astype(str)
    # Repetition i of every scene is one simulation; ids are ranked, for they differ by scene.
    keys = pd.Series(runs + "_" + names, index=rollouts.index)
    number = keys.groupby(level="clipgt_id").rank(method="dense").astype(int)
    by = [rollouts.index.get_level_values("run_uuid"), number.to_numpy()]
    means = rollouts.groupby(by).mean()
    for name, event in (
        ("avg_dist_between_incidents", "offroad_or_collision"),
        ("avg_dist_between_incidents_at_fault", "offroad_or_collision_at_fault"),
    ):
        if event in rollouts and "dist_traveled_m" in rollouts:
            sums = rollouts.groupby(by)[["dist_traveled_m", event]].sum()
            incidents = sums[event].replace(0.0, np.nan)
            means[name] = (sums["dist_traveled_m"] / incidents / 1000).fillna(np.inf)
    return {
        str(name): (
            float(means[name].mean()),
            float(means[name].std()) if len(means) > 1 else None,
        )
        for name in sorted(means.columns)
    }


def _combine(wide: pd.DataFrame) -> dict[str, str]:
    """Add the combined events; how they are reduced over time."""
    for name, parts in COMBINED.items():
        there = [part for part in parts if part in wide]
        wide[name] = (wide[there] > 0).any(axis=1).astype(float)
    times = wide.index.get_level_values("timestamps_us").astype(float)
    since = pd.Series(times, index=wide.index)
    wide["duration_frac_20s"] = (since - since.groupby(level=ROLLOUT).transform("min")) / 20e6
    return dict.fromkeys(COMBINED, "max") | {"duration_frac_20s": "last"}


def _cut(wide: pd.DataFrame, name: str, above: float, *, before: bool = False) -> pd.DataFrame:
    """Without the steps after the first one at which a metric is above a bound (or before it)."""
    if name not in wide:
        return wide
    times = pd.Series(wide.index.get_level_values("timestamps_us"), index=wide.index).astype(float)
    first = times.where(wide[name] > above).groupby(level=ROLLOUT).transform("min")
    kept = times >= first if before else times <= first
    return wide[kept | first.isna()]
