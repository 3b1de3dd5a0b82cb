"""The label table of one chunk."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from avvla.errors import UserError
from avvla.labels import alpamayo
from avvla.labels.events import Events
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
    texts: Mapping[int, Path] | None = None,
) -> None:
    """Label each t0 of a chunk, a parquet file with the rows of `label_rows`.

    For the source `alpamayo` the tables of its texts are given by chunk, and the `attrs` of the
    result have the SHA-256 of the one that was read, `texts_sha256`.

    Raises:
        UserError: the chunk or its texts cannot be read, it has no t0 or none with a text of
            Alpamayo's, or a command is not known.
    """
    logs, rows = open_logs(listing, data_root), []
    said = alpamayo.read(texts[chunk]) if texts else None
    for part in windows(logs, chunk, t0_start_s, t0_stride_s):
        events: Events = ()
        if said:
            events = said.by_clip.get(part.clip_id, ())
        elif label.source in FROM_EVENTS:
            events = logs.events(part.clip_id)
        motion = (part.xy, part.yaw, part.speed)
        rows.append(label_rows(label, part.clip_id, part.t0_us, *motion, events))
    table = pd.concat(rows, ignore_index=True)
    if said:
        if (table["reason"] == alpamayo.NOT_LABELLED).all():
            raise UserError(
                "the texts are about other clips or t0 than these: label what `avvla labels export`"
                " writes for the data set as it is"
            )
        table.attrs["texts_sha256"] = said.sha256
    table.to_parquet(path, index=False, compression="zstd")
