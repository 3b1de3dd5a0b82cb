"""data/manifest.json -> data/actions/chunk_NNNN.parquet, results/fit_actions/metrics.json."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from _run import ACTIONS, MANIFEST, publish, run, tell

from avvla import host
from avvla.actions.chunk import fit_chunk
from avvla.actions.table import summary
from avvla.cluster.store import Step, Store
from avvla.config import Params
from avvla.physical_ai import manifest
from avvla.physical_ai.reader import Clips
from avvla.results import write_metrics


def fit_all(params: Params) -> None:
    logs = {"listing": manifest.load(MANIFEST), "data_root": host.data_root()}
    grid = params.dataset.model_dump(include={"t0_start_s", "t0_stride_s"})
    step = Step(fit_chunk, {"action": params.action, **grid}, logs, ".parquet")
    clips = Clips(**logs)
    inputs = {chunk: clips.facts(chunk) for chunk in logs["listing"].chunks}
    store = Store.of_stage(host.work_root(), "fit_actions")
    found = store.results(step, inputs, host.workers(), "fit actions of")
    publish(found, ACTIONS)
    columns = ["ade", "fde", "valid", "reason"]
    tables = [pq.read_table(path, columns=columns) for path in found.values()]
    write_metrics(Path("results/fit_actions/metrics.json"), summary(pa.concat_tables(tables)))
    tell("fit_actions")


if __name__ == "__main__":
    run(fit_all)
