"""data/manifest.json -> data/labels/chunk_NNNN.parquet, results/label/metrics.json.

The source `alpamayo` reads $AVVLA_ALPAMAYO too, which `label.texts` holds to a hash.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
from _chunks import episode_tables, tables, tell
from _run import LABELS, MANIFEST, run

from avvla import host
from avvla.config import Params
from avvla.errors import UserError
from avvla.hdf5.chunk import label_chunk as label_episodes
from avvla.hdf5.files import holds_episodes
from avvla.hdf5.summary import labels as episode_summary
from avvla.labels import alpamayo
from avvla.labels.chunk import label_chunk
from avvla.labels.table import FROM_EVENTS, SUMMARISED, summary
from avvla.physical_ai import manifest
from avvla.physical_ai.manifest import Manifest
from avvla.results import write_metrics


def label_all(params: Params) -> None:
    listing = manifest.load(MANIFEST)
    label = _episodes if holds_episodes(listing) else _drives
    write_metrics(Path("results/label/metrics.json"), label(params, listing))
    tell("label")


def _drives(params: Params, listing: Manifest) -> dict[str, Any]:
    wanted, texts = params.label, None
    if wanted.source == "alpamayo":
        alpamayo.check_layout(listing)
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
    return summary(pd.concat(pd.read_parquet(path, columns=list(SUMMARISED)) for path in kept))


def _episodes(params: Params, listing: Manifest) -> dict[str, Any]:
    if params.label.source != "fixed":
        raise UserError(
            f"label.source is {params.label.source!r}, but HDF5 episodes hold no commands: set it"
            " to fixed and label.command to the text of the task"
        )
    settings = {"command": params.label.command, "fps": params.dataset.hdf5.fps}
    kept = episode_tables("label", "label", label_episodes, settings, listing, LABELS)
    return episode_summary(kept)


if __name__ == "__main__":
    run(label_all)
