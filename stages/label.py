"""data/manifest.json -> data/labels/chunk_NNNN.parquet, results/label/metrics.json."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pandas as pd
from _run import LABELS, MANIFEST, chunk_file, replacing_folder, run

from avvla import host
from avvla.cluster.chunk_map import map_chunks
from avvla.config import Params
from avvla.dataset.windows import windows
from avvla.labels.table import FROM_EVENTS, SUMMARISED, label_rows, summary
from avvla.physical_ai import manifest
from avvla.physical_ai.reader import Clips
from avvla.results import write_metrics


def label_chunk(
    params: Params, listing: manifest.Manifest, folder: Path, chunk: int
) -> pd.DataFrame:
    clips, source, rows = Clips(listing, host.data_root()), params.label, []
    for part in windows(clips, chunk, params.dataset):
        events = clips.events(part.clip_id) if source.source in FROM_EVENTS else ()
        motion = (part.xy, part.yaw, part.speed)
        rows.append(label_rows(source, part.clip_id, part.t0_us, *motion, events))
    table = pd.concat(rows, ignore_index=True)
    table.to_parquet(chunk_file(folder, chunk), index=False, compression="zstd")
    return table[list(SUMMARISED)]


def label_all(params: Params) -> None:
    listing = manifest.load(MANIFEST)
    with replacing_folder(LABELS) as folder:
        folder.mkdir()
        step = partial(label_chunk, params, listing, folder)
        rows = pd.concat(map_chunks(step, listing.chunks, host.workers(), "label"))
    write_metrics(Path("results/label/metrics.json"), summary(rows))


if __name__ == "__main__":
    run(label_all)
