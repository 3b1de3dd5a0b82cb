"""data/manifest.json -> data/labels/chunk_NNNN.parquet, results/label/metrics.json."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from _chunks import tables, tell
from _run import LABELS, MANIFEST, run

from avvla.config import Params
from avvla.labels.chunk import label_chunk
from avvla.labels.table import FROM_EVENTS, SUMMARISED, summary
from avvla.physical_ai import manifest
from avvla.results import write_metrics


def label_all(params: Params) -> None:
    listing, wanted = manifest.load(MANIFEST), params.label
    kept = tables(
        "label",
        "label",
        label_chunk,
        {"label": wanted},
        params.dataset,
        listing,
        LABELS,
        events=wanted.source in FROM_EVENTS,
    )
    rows = pd.concat(pd.read_parquet(path, columns=list(SUMMARISED)) for path in kept)
    write_metrics(Path("results/label/metrics.json"), summary(rows))
    tell("label")


if __name__ == "__main__":
    run(label_all)
