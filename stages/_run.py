"""What every stage shares: parameters in, whole outputs out, one line for bad input."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from avvla import host
from avvla.cluster.store import LAST_RUN
from avvla.config import Params, load_params
from avvla.errors import UserError

MANIFEST = Path("data/manifest.json")
LABELS = Path("data/labels")
ACTIONS = Path("data/actions")
LEROBOT = Path("data/lerobot")


def run(stage: Callable[[Params], None]) -> None:
    """Run a stage with params.yaml; exit with 1 on bad input, with 130 when interrupted."""
    try:
        stage(load_params())
    except UserError as error:
        sys.exit(f"error: {' '.join(str(error).split())}")
    except KeyboardInterrupt:
        sys.exit(130)


@contextmanager
def replacing_folder(path: Path) -> Iterator[Path]:
    """A path beside `path`: the folder made there takes its place if the block has no error."""
    temporary, old = path.with_name(f".{path.name}.tmp"), path.with_name(f".{path.name}.old")
    for leftover in (temporary, old):
        shutil.rmtree(leftover, ignore_errors=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        yield temporary
        if path.exists():
            path.rename(old)  # a folder half removed must not keep the final name
        temporary.rename(path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)


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
