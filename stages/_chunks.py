"""What the stages over chunks share; apart from `_run`, so that training is not made of it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path

from _run import replacing_folder

from avvla import host
from avvla.cluster.store import LAST_RUN


def publish(results: Mapping[int, Path], folder: Path) -> None:
    """Put the kept results of all chunks into a stage's output, as chunk_NNNN.parquet.

    They are copied: DVC may link its cache to the output, and a kept result must be nobody else's.
    """
    with replacing_folder(folder) as temporary:
        temporary.mkdir()
        for chunk, path in results.items():
            shutil.copyfile(path, temporary / f"chunk_{chunk:04d}.parquet")


def tell(stage: str) -> None:
    """Say what a stage had to compute; not in metrics.json, which a resumed run must not change."""
    run = json.loads((host.work_root() / stage / LAST_RUN).read_text())
    print(f"{stage}: {run['computed']} chunks computed, {run['reused']} kept from earlier runs")
