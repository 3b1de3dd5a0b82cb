"""What depends on the machine: folders, workers and device, from the `AVVLA_*` variables."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal, get_args

from avvla.errors import UserError, one_of

Backend = Literal["local", "ray"]
BACKENDS: tuple[Backend, ...] = get_args(Backend)


def data_root() -> Path:
    """Folder of the raw logs: `$AVVLA_DATA` (absolute), else `avvla/data` in the user's cache."""
    return _folder("AVVLA_DATA", "data")


def data_quota_bytes() -> int | None:
    """Bytes that the folder of the raw logs may hold: `$AVVLA_DATA_GB` [GB], else no limit.

    Raises:
        UserError: it is no positive number.
    """
    text = os.environ.get("AVVLA_DATA_GB")
    if text is None:
        return None
    try:
        quota_bytes = round(float(text) * 1e9)
    except (ValueError, OverflowError):
        quota_bytes = 0
    if quota_bytes <= 0:
        raise UserError(f"AVVLA_DATA_GB is {text!r}, expected a number of GB above 0")
    return quota_bytes


def frame_cache_bytes() -> int:
    """Bytes of decoded frames that a training process holds: `$AVVLA_CACHE_GB` [GB], else 4 GB.

    Raises:
        UserError: it is no number of 0 or more.
    """
    text = os.environ.get("AVVLA_CACHE_GB", "4")
    try:
        held = round(float(text) * 1e9)
    except (ValueError, OverflowError):
        held = -1
    if held < 0:
        raise UserError(f"AVVLA_CACHE_GB is {text!r}, expected a number of GB of 0 or more")
    return held


def nvidia_tree() -> Path | None:
    """Plain folder with NVIDIA's data set, instead of the hub: `$AVVLA_NVIDIA_TREE` (absolute)."""
    return _absolute("AVVLA_NVIDIA_TREE")


def episodes_root() -> Path:
    """Folder of HDF5 episodes to import: `$AVVLA_HDF5` (absolute).

    Raises:
        UserError: it is not set, not absolute or no folder.
    """
    return _given("AVVLA_HDF5", "the folder of the HDF5 episodes")


def work_root() -> Path:
    """Folder of resumable intermediate results: `$AVVLA_WORK`, else `avvla/work` in the cache."""
    return _folder("AVVLA_WORK", "work")


def alpamayo_root() -> Path:
    """Folder of Alpamayo's texts: `$AVVLA_ALPAMAYO`, else `avvla/alpamayo` in the cache."""
    return _folder("AVVLA_ALPAMAYO", "alpamayo")


def alpasim_root() -> Path:
    """Folder of the labels of Alpasim's scenes: `$AVVLA_ALPASIM`, else `avvla/alpasim`."""
    return _folder("AVVLA_ALPASIM", "alpasim")


def alpasim_run() -> Path:
    """Folder of a finished run of Alpasim: `$AVVLA_ALPASIM_RUN` (absolute).

    Raises:
        UserError: it is not set, not absolute or no folder.
    """
    return _given("AVVLA_ALPASIM_RUN", "the run folder (wizard.log_dir) of a run that has ended")


def base_root() -> Path:
    """Folder of the bases that a policy may start from: `$AVVLA_BASE`, else `avvla/base`."""
    return _folder("AVVLA_BASE", "base")


def workers() -> int:
    """Worker processes of a parallel map: `$AVVLA_WORKERS`, else the cores this process may use."""
    text = os.environ.get("AVVLA_WORKERS")
    if text is None:
        return len(os.sched_getaffinity(0))
    if not text.isdecimal() or int(text) < 1:
        raise UserError(f"AVVLA_WORKERS is {text!r}, expected a whole number of 1 or more")
    return int(text)


def backend() -> Backend:
    """Where a parallel map runs: `$AVVLA_BACKEND`, `local` processes (default) or `ray`.

    Raises:
        UserError: it is neither.
    """
    return one_of("AVVLA_BACKEND", os.environ.get("AVVLA_BACKEND", "local"), BACKENDS)


def ray_address() -> str | None:
    """The Ray cluster to join: `$RAY_ADDRESS`, host:port or `auto`, else None for one of our own.

    Raises:
        UserError: it is in another form.
    """
    text = os.environ.get("RAY_ADDRESS")
    if not text or text == "auto":
        return text or None
    name, _, port = text.rpartition(":")
    if not name or "/" in name or not port.isdecimal() or not 0 < int(port) < 65536:
        raise UserError(
            f"RAY_ADDRESS is {text!r}, expected the host:port of the cluster's head, or auto; run"
            " the stage on a node of the cluster"
        )
    return text


def carla_host() -> str | None:
    """Where the CARLA server is: `$AVVLA_CARLA_HOST`, a name or address, else as settings say."""
    return os.environ.get("AVVLA_CARLA_HOST")


def carla_port() -> int | None:
    """The port of the CARLA server's calls: `$AVVLA_CARLA_PORT`, else as settings say.

    Raises:
        UserError: it is no whole number from 1 to 65534.
    """
    text = os.environ.get("AVVLA_CARLA_PORT")
    if text is None:
        return None
    if not text.isdecimal() or not 1 <= int(text) <= 65534:
        raise UserError(f"AVVLA_CARLA_PORT is {text!r}, expected a whole number from 1 to 65534")
    return int(text)


def carla_root() -> Path | None:
    """Folder of CARLA's release for a server of our own: `$CARLA_ROOT` (absolute), its own name."""
    return _absolute("CARLA_ROOT")


def device() -> str:
    """Torch device of training and inference: `$AVVLA_DEVICE`, else `cpu`."""
    return os.environ.get("AVVLA_DEVICE", "cpu")


def commander_token() -> str:
    """Token for the Commander's chat API: `$AVVLA_COMMANDER_TOKEN`, else none."""
    return os.environ.get("AVVLA_COMMANDER_TOKEN", "")


def _folder(variable: str, name: str) -> Path:
    given = _absolute(variable)
    if given is None:
        cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
        return Path(cache) / "avvla" / name
    return given


def _given(variable: str, what: str) -> Path:
    """A folder that has to be named; `what` says in the message which."""
    folder = _absolute(variable)
    if folder is None:
        raise UserError(f"{variable} is not set: set it to {what}")
    if not folder.is_dir():
        raise UserError(f"{variable} is {str(folder)!r}, which is no folder: set it to {what}")
    return folder


def _absolute(variable: str) -> Path | None:
    text = os.environ.get(variable)
    if text is None:
        return None
    if not Path(text).is_absolute():
        raise UserError(f"{variable} is {text!r}, expected an absolute path")
    return Path(text)
