"""Manifest, labels and actions -> data/lerobot/, results/build_dataset/metrics.json."""

from __future__ import annotations

from pathlib import Path

from _chunks import tell
from _run import ACTIONS, LABELS, LEROBOT, MANIFEST, replacing_folder, run

from avvla import host
from avvla.config import Params
from avvla.dataset.builder import Inputs, build
from avvla.physical_ai import manifest
from avvla.results import write_metrics


def build_all(params: Params) -> None:
    inputs = Inputs(
        params, manifest.load(MANIFEST), host.data_root(), LABELS, ACTIONS, host.work_root()
    )
    with replacing_folder(LEROBOT) as folder:
        metrics = build(inputs, folder, host.workers())
    write_metrics(Path("results/build_dataset/metrics.json"), metrics)
    tell("build_dataset")


if __name__ == "__main__":
    run(build_all)
