"""data/manifest.json -> data/actions/chunk_NNNN.parquet, results/fit_actions/{metrics.json,svg}."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from _chunks import tables, tell
from _run import ACTIONS, MANIFEST, run

from avvla import host
from avvla.actions import statistics
from avvla.actions.chunk import fit_chunk
from avvla.actions.table import actions, furthest, summary
from avvla.config import Params
from avvla.evaluation.fits import WINDOWS, read_examples, sheet
from avvla.logs.source import open_logs
from avvla.physical_ai import manifest
from avvla.results import write_metrics, write_text

RESULTS = Path("results/fit_actions")


def fit_all(params: Params) -> None:
    listing, wanted = manifest.load(MANIFEST), {"action": params.action}
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
    write_metrics(RESULTS / "metrics.json", found_metrics)
    logs = open_logs(listing, host.data_root())
    write_text(RESULTS / "fits.svg", sheet(read_examples(worst[0], logs)))
    tell("fit_actions")


if __name__ == "__main__":
    run(fit_all)
