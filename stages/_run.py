"""What every stage shares: parameters in, whole outputs out, one line for bad input."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from avvla.config.section import Section
from avvla.errors import UserError
from avvla.params import load_params

MANIFEST = Path("data/manifest.json")
LABELS = Path("data/labels")
ACTIONS = Path("data/actions")
LEROBOT = Path("data/lerobot")


def run[P: Section](stage: Callable[[P], None], read: Callable[[], P] = load_params) -> None:
    """Run a stage with its parameters; exit with 1 on bad input, with 130 when interrupted."""
    try:
        stage(read())
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
