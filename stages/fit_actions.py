"""data/manifest.json -> data/actions/chunk_NNNN.parquet, results/fit_actions/{metrics.json,svg}."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from _run import ACTIONS, MANIFEST, chunk_file, replacing_folder, run

from avvla import host
from avvla.actions import statistics
from avvla.actions.fit import fit_actions
from avvla.actions.table import action_table, actions, summary
from avvla.actions.unicycle import DT_S
from avvla.cluster.chunk_map import map_chunks
from avvla.config import Params
from avvla.dataset.windows import windows
from avvla.evaluation.fits import Example, examples_of, sheet, worst
from avvla.physical_ai import manifest
from avvla.physical_ai.reader import Clips
from avvla.results import write_metrics, write_text

RESULTS = Path("results/fit_actions")


@dataclass(frozen=True, eq=False)
class Part:
    """What a chunk adds to the results: its rows without actions, statistics, worst windows."""

    rows: pa.Table
    valid: statistics.Statistics
    worst: list[Example]


def fit_chunk(params: Params, listing: manifest.Manifest, folder: Path, chunk: int) -> Part:
    rows, examples = [], []
    wanted = params.action
    for part in windows(Clips(listing, host.data_root()), chunk, params.dataset):
        motion = (part.xy, part.yaw, part.speed)
        fit = fit_actions(*motion, DT_S, wanted.integrator, wanted.max_error_m, wanted.method)
        rows.append(action_table(part.clip_id, part.t0_us, fit, wanted.integrator))
        titles = [f"{part.clip_id}, t0 {t0_us / 1e6:.1f} s" for t0_us in part.t0_us]
        examples = worst([*examples, *examples_of(titles, *motion, fit, wanted.integrator)])
    table = pa.concat_tables(rows)
    pq.write_table(table, chunk_file(folder, chunk), compression="zstd")
    valid = statistics.gather(actions(table.filter(table["valid"])))
    return Part(table.drop_columns(["acceleration", "curvature"]), valid, examples)


def fit_all(params: Params) -> None:
    listing = manifest.load(MANIFEST)
    with replacing_folder(ACTIONS) as folder:
        folder.mkdir()
        step = partial(fit_chunk, params, listing, folder)
        parts = map_chunks(step, listing.chunks, host.workers(), "fit actions of")
    found = summary(pa.concat_tables([part.rows for part in parts]))
    merged = statistics.merge(part.valid for part in parts)
    described = {params.dataset.source: statistics.describe(merged)}
    write_metrics(RESULTS / "metrics.json", {**found, "statistics": described})
    write_text(RESULTS / "fits.svg", sheet(worst(x for part in parts for x in part.worst)))


if __name__ == "__main__":
    run(fit_all)
