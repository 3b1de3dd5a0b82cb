"""What depends on the machine: folders, workers and device, from the `AVVLA_*` variables."""

from __future__ import annotations

import os
from pathlib import Path

from avvla.errors import UserError


def data_root() -> Path:
    """Folder of the raw logs: `$AVVLA_DATA` (absolute), else `avvla/data` in the user's cache."""
    return _folder("AVVLA_DATA", "data")


def work_root() -> Path:
    """Folder of resumable intermediate results: `$AVVLA_WORK`, else `avvla/work` in the cache."""
    return _folder("AVVLA_WORK", "work")


def workers() -> int:
    """Worker processes of a parallel map: `$AVVLA_WORKERS`, else the cores this process may use."""
    text = os.environ.get("AVVLA_WORKERS")
    if text is None:
        return len(os.sched_getaffinity(0))
    if not text.isdecimal() or int(text) < 1:
        raise UserError(f"AVVLA_WORKERS is {text!r}, expected a whole number of 1 or more")
    return int(text)


def device() -> str:
    """Torch device of training and inference: `$AVVLA_DEVICE`, else `cpu`."""
    return os.environ.get("AVVLA_DEVICE", "cpu")


def _folder(variable: str, name: str) -> Path:
    text = os.environ.get(variable)
    if text is None:
        cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
        return Path(cache) / "avvla" / name
    if not Path(text).is_absolute():
        raise UserError(f"{variable} is {text!r}, expected an absolute path")
    return Path(text)
