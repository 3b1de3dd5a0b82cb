"""The raw logs of any source in the hub cache: what the download stage brings there."""

from __future__ import annotations

from pathlib import Path

from avvla.config import Params
from avvla.errors import UserError
from avvla.l2d import download
from avvla.physical_ai.manifest import Manifest
from avvla.world import synthesis


def fetch(params: Params, data_root: Path, work: Path, workers: int) -> Manifest:
    """Bring the raw logs of `params.dataset` into the hub cache at `data_root`.

    What is complete stays as it is; the result does not depend on `workers`. What had to be
    recorded is told in `work`.

    Raises:
        UserError: the source is not available in this version, its parameters fit nothing that it
            has, or `data_root` is full or cannot be written.
    """
    source = params.dataset.source
    if source == "synthetic":
        return synthesis.fetch(params, data_root, work, workers)
    if source == "l2d":
        return download.fetch(params.dataset, data_root)
    raise UserError(
        f"dataset.source is {source!r}, which this version cannot fetch yet: set dataset.source to"
        " synthetic or l2d"
    )
