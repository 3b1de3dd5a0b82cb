"""Room for files before the first byte of them comes."""

from __future__ import annotations

import os
from pathlib import Path

from avvla.cluster.store import free_bytes
from avvla.errors import UserError


def require(data_root: Path, needed: int, quota_bytes: int | None) -> None:
    """Refuse to begin what does not fit.

    Args:
        data_root: folder of the raw logs.
        needed: bytes that are to come.
        quota_bytes: what the folder may hold, None for no limit.

    Raises:
        UserError: the disk, or the quota, has less room.
    """
    free = free_bytes(data_root)
    if needed > free:
        raise UserError(
            f"{data_root} has {_gb(free)} free, {_gb(needed)} are to come: make room, set"
            " AVVLA_DATA to a folder with more, or ask for less in `dataset`"
        )
    if quota_bytes is None or not needed:
        return
    used = used_bytes(data_root)
    if used + needed > quota_bytes:
        raise UserError(
            f"{data_root} holds {_gb(used)} and {_gb(needed)} are to come, AVVLA_DATA_GB allows"
            f" {_gb(quota_bytes)}: raise it, remove data sets, or ask for less in"
            " `dataset`"
        )


def used_bytes(folder: Path) -> int:
    """Bytes of the files below a folder; a link counts nothing."""
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            path = Path(place, name)
            if not path.is_symlink():
                total += path.stat().st_size
    return total


def _gb(count: int) -> str:
    return f"{count / 1e9:.3f} GB"
