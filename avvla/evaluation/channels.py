"""A sheet of robot episodes' actions over time, as one SVG file: a row of charts an episode."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import batched

import numpy as np
import pyarrow as pa

from avvla.evaluation.charts import Line, chart_sheet, line_chart
from avvla.hdf5.summary import action_array

EPISODES = 6
PER_CHART = 3
"""Components of an action that share a chart."""


def sheet(table: pa.Table, names: Sequence[str]) -> str:
    """The first episodes of an action table; frames that cannot be used are left out.

    Args:
        table: rows as `avvla.hdf5.chunk.ACTIONS`.
        names: of the components of an action.
    """
    usable = table.filter(table["valid"])
    clip_ids = np.array(usable["clip_id"].to_pylist(), dtype=object)
    rows = []
    for clip_id in list(dict.fromkeys(clip_ids))[:EPISODES]:
        part = usable.filter(pa.array(clip_ids == clip_id))
        seconds = (part["t0_us"].to_numpy() / 1e6).tolist()
        channels = [
            Line(name, list(zip(seconds, values, strict=True)))
            for name, values in zip(names, action_array(part).T.tolist(), strict=True)
        ]
        charts = [
            line_chart(together, "time [s]", "action") for together in batched(channels, PER_CHART)
        ]
        rows.append((clip_id, charts))
    return chart_sheet(rows)
