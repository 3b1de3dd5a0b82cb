"""The label table of one chunk."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from avvla.labels.table import FROM_EVENTS, label_rows
from avvla.logs.source import open_logs
from avvla.logs.windows import windows
from avvla.physical_ai.manifest import Manifest

if TYPE_CHECKING:
    from avvla.config import Label


def label_chunk(
    chunk: int,
    path: Path,
    *,
    label: Label,
    t0_start_s: float,
    t0_stride_s: float,
    listing: Manifest,
    data_root: Path,
) -> None:
    """Label each t0 of a chunk, a parquet file with the rows of `label_rows`.

    Raises:
        UserError: the chunk cannot be read or has no t0, or a command is not known.
    """
    logs, rows = open_logs(listing, data_root), []
    for part in windows(logs, chunk, t0_start_s, t0_stride_s):
        events = logs.events(part.clip_id) if label.source in FROM_EVENTS else ()
        motion = (part.xy, part.yaw, part.speed)
        rows.append(label_rows(label, part.clip_id, part.t0_us, *motion, events))
    table = pd.concat(rows, ignore_index=True)
    table.to_parquet(path, index=False, compression="zstd")
