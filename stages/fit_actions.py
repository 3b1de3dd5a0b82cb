"""data/manifest.json -> data/actions/chunk_NNNN.parquet, results/fit_actions/metrics.json."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from _run import ACTIONS, MANIFEST, chunk_file, replacing_folder, run

from avvla import host
from avvla.actions.fit import fit_actions
from avvla.actions.table import action_table, summary
from avvla.actions.unicycle import DT_S
from avvla.cluster.chunk_map import map_chunks
from avvla.config import Params
from avvla.dataset.windows import windows
from avvla.physical_ai import manifest
from avvla.physical_ai.reader import Clips
from avvla.results import write_metrics


def fit_chunk(params: Params, listing: manifest.Manifest, folder: Path, chunk: int) -> pa.Table:
    rows = []
    integrator, max_error_m = params.action.integrator, params.action.max_error_m
    for part in windows(Clips(listing, host.data_root()), chunk, params.dataset):
        fit = fit_actions(part.xy, part.yaw, part.speed, DT_S, integrator, max_error_m)
        rows.append(action_table(part.clip_id, part.t0_us, fit, integrator))
    table = pa.concat_tables(rows)
    pq.write_table(table, chunk_file(folder, chunk), compression="zstd")
    return table.drop_columns(["acceleration", "curvature"])


def fit_all(params: Params) -> None:
    listing = manifest.load(MANIFEST)
    with replacing_folder(ACTIONS) as folder:
        folder.mkdir()
        step = partial(fit_chunk, params, listing, folder)
        parts = map_chunks(step, listing.chunks, host.workers(), "fit actions of")
    write_metrics(Path("results/fit_actions/metrics.json"), summary(pa.concat_tables(parts)))


if __name__ == "__main__":
    run(fit_all)
