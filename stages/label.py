"""data/manifest.json -> data/labels/chunk_NNNN.parquet, results/label/metrics.json."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from _chunks import publish, tell
from _run import LABELS, MANIFEST, run

from avvla import host
from avvla.cluster.store import Step, Store
from avvla.config import Params
from avvla.labels.chunk import label_chunk
from avvla.labels.table import FROM_EVENTS, SUMMARISED, summary
from avvla.physical_ai import manifest
from avvla.physical_ai.reader import Clips
from avvla.results import write_metrics


def label_all(params: Params) -> None:
    logs = {"listing": manifest.load(MANIFEST), "data_root": host.data_root()}
    grid = params.dataset.model_dump(include={"t0_start_s", "t0_stride_s"})
    step = Step(label_chunk, {"label": params.label, **grid}, logs, ".parquet")
    clips, events = Clips(**logs), params.label.source in FROM_EVENTS
    inputs = {chunk: clips.facts(chunk, events=events) for chunk in logs["listing"].chunks}
    store = Store.of_stage(host.work_root(), "label")
    found = store.results(step, inputs, host.workers(), "label")
    publish(found, LABELS)
    rows = pd.concat(pd.read_parquet(path, columns=list(SUMMARISED)) for path in found.values())
    write_metrics(Path("results/label/metrics.json"), summary(rows))
    tell("label")


if __name__ == "__main__":
    run(label_all)
