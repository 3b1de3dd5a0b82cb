"""data/manifest.json -> data/labels/chunk_NNNN.parquet, results/label/metrics.json.

The source `alpamayo` reads $AVVLA_ALPAMAYO too, which `label.texts` holds to a hash.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from _chunks import tables, tell
from _run import LABELS, MANIFEST, run

from avvla import host
from avvla.config import Params
from avvla.labels import alpamayo
from avvla.labels.chunk import label_chunk
from avvla.labels.table import FROM_EVENTS, SUMMARISED, summary
from avvla.physical_ai import manifest
from avvla.results import write_metrics


def label_all(params: Params) -> None:
    listing, wanted, texts = manifest.load(MANIFEST), params.label, None
    if wanted.source == "alpamayo":
        texts = alpamayo.tables(host.alpamayo_root(), listing.chunks, wanted.texts)
    # A chunk's labels depend on its own texts, which `tables` counts, not on those of the others.
    settings = {"label": wanted.model_copy(update={"texts": ""})}
    kept = tables(
        "label",
        "label",
        label_chunk,
        settings,
        params.dataset,
        listing,
        LABELS,
        events=wanted.source in FROM_EVENTS,
        texts=texts,
    )
    rows = pd.concat(pd.read_parquet(path, columns=list(SUMMARISED)) for path in kept)
    write_metrics(Path("results/label/metrics.json"), summary(rows))
    tell("label")


if __name__ == "__main__":
    run(label_all)
