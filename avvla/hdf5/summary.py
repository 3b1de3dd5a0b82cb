"""Figures of the label and action tables of episodes, for metrics.json."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from avvla.hdf5.episode import KINDS


def labels(tables: Sequence[Path]) -> dict[str, Any]:
    """Frames by command."""
    counts: Counter[str] = Counter()
    for path in tables:
        counts.update(pq.read_table(path, columns=["command"])["command"].to_pylist())
    return {"n": counts.total(), "commands": dict(sorted(counts.items()))}


def actions(tables: Sequence[Path], names: Sequence[str]) -> dict[str, Any]:
    """Frames, those that lack something by kind, and statistics of the usable frames' actions.

    Args:
        tables: action tables of all chunks.
        names: of the components of an action.
    """
    whole = pa.concat_tables([pq.read_table(path) for path in tables])
    reasons = Counter(whole["reason"].to_pylist())
    valid = action_array(whole.filter(whole["valid"])).astype(np.float64)
    return {
        "n": len(whole),
        "valid": len(valid),
        "invalid": {kind: reasons[kind] for kind in KINDS},
        "statistics": {name: _describe(valid[:, i]) for i, name in enumerate(names)},
    }


def action_array(table: pa.Table) -> NDArray[np.float32]:
    """(N, 6) actions of a table's rows."""
    column = table["action"].combine_chunks()
    values: NDArray[np.float32] = column.flatten().to_numpy()
    return values.reshape(len(table), -1)


def _describe(values: NDArray[np.float64]) -> dict[str, float]:
    if not len(values):
        return {}
    return {
        "mean": float(values.mean()),
        "std": float(values.std()),
        "min": float(values.min()),
        "max": float(values.max()),
    }
