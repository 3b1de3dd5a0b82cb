"""The action table: one row for each t0 of a clip, as the fit_actions stage stores it.

Columns: clip_id, t0_us [us], v0 [m/s], acceleration (64) [m/s^2], curvature (64) [1/m],
integrator, ade, fde, max_error [m], valid, reason ("" where valid). NaN where nothing was fitted.
"""

from __future__ import annotations

from collections import Counter

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from avvla.actions.fit import Fit
from avvla.actions.unicycle import DT_S, HORIZON, Integrator, rollout
from avvla.actions.validity import REASONS

_STEPS = pa.list_(pa.float64(), HORIZON)
SCHEMA = pa.schema(
    [
        ("clip_id", pa.string()),
        ("t0_us", pa.int64()),
        ("v0", pa.float64()),
        ("acceleration", _STEPS),
        ("curvature", _STEPS),
        ("integrator", pa.string()),
        ("ade", pa.float64()),
        ("fde", pa.float64()),
        ("max_error", pa.float64()),
        ("valid", pa.bool_()),
        ("reason", pa.string()),
    ]
)


def action_table(
    clip_id: str, t0_us: NDArray[np.int64], fit: Fit, integrator: Integrator
) -> pa.Table:
    """The rows of K windows of one clip.

    Args:
        clip_id: the clip.
        t0_us: (K,) times [us].
        fit: labels of the K windows.
        integrator: the one that they were fitted with.
    """
    columns = {
        "clip_id": [clip_id] * len(t0_us),
        "t0_us": t0_us,
        "v0": fit.v0,
        "acceleration": _lists(fit.action[..., 0]),
        "curvature": _lists(fit.action[..., 1]),
        "integrator": [integrator] * len(t0_us),
        "ade": fit.ade,
        "fde": fit.fde,
        "max_error": fit.max_error,
        "valid": fit.valid,
        "reason": fit.reason,
    }
    return pa.table(columns, schema=SCHEMA)


def actions(table: pa.Table) -> NDArray[np.float64]:
    """(N, 64, 2) acceleration [m/s^2] and curvature [1/m] of a table's rows."""
    steps = [
        table[name].combine_chunks().flatten().to_numpy().reshape(-1, HORIZON)
        for name in ("acceleration", "curvature")
    ]
    return np.stack(steps, axis=-1)


def furthest(table: pa.Table, count: int) -> pa.Table:
    """The `count` fitted rows that leave their paths furthest, the furthest first."""
    fitted = table.filter(pc.is_finite(table["max_error"]))
    keys = [("max_error", "descending"), ("clip_id", "ascending"), ("t0_us", "ascending")]
    return fitted.take(pc.sort_indices(fitted, keys)[:count])


def fits(table: pa.Table) -> Fit:
    """The fit that a table's rows, of one integrator, were made from."""
    v0, action = table["v0"].to_numpy(), actions(table)
    integrators = table["integrator"].unique().to_pylist()
    return Fit(
        v0=v0,
        action=action,
        trajectory=rollout(v0, action, DT_S, *integrators)[..., :3],
        ade=table["ade"].to_numpy(),
        fde=table["fde"].to_numpy(),
        max_error=table["max_error"].to_numpy(),
        valid=table["valid"].to_numpy(),
        reason=table["reason"].to_pylist(),
    )


def summary(table: pa.Table) -> dict[str, object]:
    """Counts and errors [m] of a table for metrics.json; errors are of the valid rows."""
    valid = table.filter(table["valid"])
    reasons = Counter(table["reason"].to_pylist())
    errors = {
        f"{name}_{statistic}": float(function(valid[name].to_numpy())) if len(valid) else None
        for name in ("ade", "fde")
        for statistic, function in (("mean", np.mean), ("max", np.max))
    }
    return {
        "n": len(table),
        "valid": int(pc.sum(table["valid"]).as_py() or 0),
        "invalid": {reason: reasons[reason] for reason in REASONS},
        **errors,
    }


def _lists(values: NDArray[np.float64]) -> pa.FixedSizeListArray:
    return pa.FixedSizeListArray.from_arrays(pa.array(values.ravel()), HORIZON)
