"""A sheet of fitted labels over the driving that was recorded, as one SVG file.

A row is a window: the path from above in the local frame, the speed and the curvature, recorded
and fitted. The recorded curvature is the turn of the heading over the distance, step by step.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from avvla.actions.fit import T0, Fit, to_local
from avvla.actions.table import fits
from avvla.actions.unicycle import DT_S, HORIZON, Integrator, rollout
from avvla.evaluation.charts import Line, chart_sheet, line_chart
from avvla.logs.interface import Logs

FloatArray = NDArray[np.float64]

WINDOWS = 12
LEAST_STEP_M = 0.05


@dataclass(frozen=True, eq=False)
class Example:
    """A window and its label; recorded and fitted (65, 4): x, y [m], yaw [rad], speed [m/s]."""

    title: str
    error_m: float
    recorded: FloatArray
    fitted: FloatArray
    curvature: FloatArray
    """(64,) fitted curvature [1/m]."""


def examples_of(
    titles: list[str],
    xy: FloatArray,
    yaw: FloatArray,
    speed: FloatArray,
    fit: Fit,
    integrator: Integrator,
) -> list[Example]:
    """The worst windows of a fit; those that could not be fitted are left out.

    Args:
        titles: (N) names of the windows.
        xy: (N, 80, 2) recorded positions, any frame [m].
        yaw: (N, 80) recorded headings [rad].
        speed: (N, 80) recorded speeds [m/s].
        fit: their labels.
        integrator: the one that they were fitted with.
    """
    fitted = np.flatnonzero(np.isfinite(fit.max_error))
    order = fitted[np.argsort(-fit.max_error[fitted], kind="stable")][:WINDOWS]
    position, heading = to_local(xy[order], yaw[order])
    recorded = np.concatenate([position, heading[..., None], speed[order, :, None]], -1)[:, T0:]
    start = np.zeros((len(order), 1, 4))
    start[:, 0, 3] = fit.v0[order]
    states = rollout(fit.v0[order], fit.action[order], DT_S, integrator)
    driven = np.concatenate([start, states], 1)
    return [
        Example(
            f"{titles[k]}: ADE {fit.ade[k]:.3f} m, largest error {fit.max_error[k]:.3f} m"
            + (f", {fit.reason[k]}" if fit.reason[k] else ""),
            float(fit.max_error[k]),
            recorded[i],
            driven[i],
            fit.action[k, :, 1],
        )
        for i, k in enumerate(order)
    ]


def read_examples(table: pa.Table, logs: Logs) -> list[Example]:
    """The examples of an action table's rows, their windows read again.

    Raises:
        UserError: a clip cannot be read.
    """
    examples = []
    for row in range(len(table)):
        one = table.slice(row, 1)
        (clip_id,), t0_us = one["clip_id"].to_pylist(), one["t0_us"].to_numpy()
        title, integrator = f"{clip_id}, t0 {t0_us[0] / 1e6:.1f} s", one["integrator"][0].as_py()
        windows = logs.ego_windows(clip_id, t0_us)
        examples += examples_of([title], *windows, fits(one), integrator)
    return examples


def sheet(examples: list[Example]) -> str:
    """An SVG file with a row of three charts for each example."""
    return chart_sheet([(example.title, _charts(example)) for example in examples])


def _charts(example: Example) -> list[str]:
    seconds: FloatArray = np.arange(HORIZON + 1, dtype=np.float64) * DT_S
    recorded, fitted = example.recorded, example.fitted
    distance = np.hypot(*np.diff(recorded[:, :2], axis=0).T)
    moved = distance > LEAST_STEP_M
    turn = np.diff(recorded[:, 2])[moved] / distance[moved]
    return [
        line_chart(
            [_line("recorded", *recorded[:, :2].T), _line("fitted", *fitted[:, :2].T)],
            "x [m]",
            "y [m]",
        ),
        line_chart(
            [
                _line("recorded", seconds, recorded[:, 3]),
                _line("fitted", seconds, fitted[:, 3]),
            ],
            "time [s]",
            "speed [m/s]",
        ),
        line_chart(
            [
                _line("recorded", seconds[:-1][moved], turn),
                _line("fitted", seconds[:-1], example.curvature),
            ],
            "time [s]",
            "curvature [1/m]",
        ),
    ]


def _line(name: str, x: FloatArray, y: FloatArray) -> Line:
    return Line(name, list(zip(x.tolist(), y.tolist(), strict=True)))
