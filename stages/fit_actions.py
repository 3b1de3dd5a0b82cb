"""data/manifest.json -> data/actions/chunk_NNNN.parquet, results/fit_actions/{metrics.json,svg}."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from _chunks import episode_tables, tables, tell
from _run import ACTIONS, MANIFEST, run

from avvla import host
from avvla.actions import statistics
from avvla.actions.chunk import fit_chunk
from avvla.actions.table import actions, furthest, summary
from avvla.config import Params
from avvla.evaluation.channels import sheet as channel_sheet
from avvla.evaluation.fits import WINDOWS, read_examples, sheet
from avvla.hdf5.chunk import action_chunk
from avvla.hdf5.files import holds_episodes
from avvla.hdf5.source import shaping
from avvla.hdf5.summary import actions as episode_summary
from avvla.hdf5.values import action_names
from avvla.logs.source import open_logs
from avvla.physical_ai import manifest
from avvla.physical_ai.manifest import Manifest
from avvla.results import write_metrics, write_text

RESULTS = Path("results/fit_actions")


def fit_all(params: Params) -> None:
    listing = manifest.load(MANIFEST)
    fit = _episodes if holds_episodes(listing) else _drives
    metrics, picture = fit(params, listing)
    write_metrics(RESULTS / "metrics.json", metrics)
    write_text(RESULTS / "fits.svg", picture)
    tell("fit_actions")


def _drives(params: Params, listing: Manifest) -> tuple[dict[str, Any], str]:
    wanted = {"action": params.action}
    kept = tables(
        "fit_actions", "fit actions of", fit_chunk, wanted, params.dataset, listing, ACTIONS
    )
    rows, parts, worst = [], [], []
    for path in kept:
        table = pq.read_table(path)
        rows.append(table.drop_columns(["acceleration", "curvature"]))
        parts.append(statistics.gather(actions(table.filter(table["valid"]))))
        worst = [furthest(pa.concat_tables([*worst, table]), WINDOWS)]
    described = {params.dataset.source: statistics.describe(statistics.merge(parts))}
    found_metrics = {**summary(pa.concat_tables(rows)), "statistics": described}
    logs = open_logs(listing, host.data_root())
    return found_metrics, sheet(read_examples(worst[0], logs))


def _episodes(params: Params, listing: Manifest) -> tuple[dict[str, Any], str]:
    hdf5 = params.dataset.hdf5
    kept = episode_tables(
        "fit_actions",
        "take actions of",
        action_chunk,
        {"hdf5": shaping(hdf5)},
        listing,
        ACTIONS,
    )
    names = action_names(hdf5.action)
    return episode_summary(kept, names), channel_sheet(pq.read_table(kept[0]), names)


if __name__ == "__main__":
    run(fit_all)
