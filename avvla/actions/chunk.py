"""The action table of one chunk."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from avvla.actions.fit import fit_actions
from avvla.actions.table import action_table
from avvla.actions.unicycle import DT_S
from avvla.logs.source import open_logs
from avvla.logs.windows import windows
from avvla.physical_ai.manifest import Manifest

if TYPE_CHECKING:
    from avvla.config import Action


def fit_chunk(
    chunk: int,
    path: Path,
    *,
    action: Action,
    t0_start_s: float,
    t0_stride_s: float,
    listing: Manifest,
    data_root: Path,
) -> None:
    """Fit an action at each t0 of a chunk, a parquet file with the rows of `action_table`.

    Raises:
        UserError: the chunk cannot be read or has no t0.
    """
    rows = []
    for part in windows(open_logs(listing, data_root), chunk, t0_start_s, t0_stride_s):
        motion = (part.xy, part.yaw, part.speed)
        fit = fit_actions(*motion, DT_S, action.integrator, action.max_error_m, action.method)
        rows.append(action_table(part.clip_id, part.t0_us, fit, action.integrator))
    pq.write_table(pa.concat_tables(rows), path, compression="zstd")
