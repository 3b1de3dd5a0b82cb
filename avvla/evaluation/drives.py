"""The file of all drives (npz), from which the report is drawn without driving again.

One row a drive: driver, family, seed, success, collided, off_road, finished, gap_m, and ticks, the
number of its states. The histories of all drives follow each other in states (T, 4) x, y [m],
yaw [rad], v [m/s], road (T, 3) s, lateral, target offset [m], both float32, and command (T,), an
index into `commands`. Nothing is pickled and numpy stores no time: the same drives give the same
bytes.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from avvla.errors import UserError
from avvla.evaluation.closed_loop import Drive
from avvla.physical_ai.manifest import replacing

_DAMAGE = (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile, zlib.error)


def save_drives(path: Path, drives: Mapping[str, Sequence[Drive]]) -> None:
    """Write the drives of each driver, whole or not at all."""
    rows = [(driver, drive) for driver, listed in drives.items() for drive in listed]
    told = [text for _, drive in rows for text in drive.commands]
    commands, command = np.unique(np.array(told, np.str_), return_inverse=True)
    with replacing(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(
            file,
            driver=np.array([driver for driver, _ in rows], np.str_),
            family=np.array([drive.family for _, drive in rows], np.str_),
            seed=np.array([drive.seed for _, drive in rows], np.int64),
            success=np.array([drive.success for _, drive in rows], np.bool_),
            collided=np.array([drive.collided for _, drive in rows], np.bool_),
            off_road=np.array([drive.off_road for _, drive in rows], np.bool_),
            finished=np.array([drive.finished for _, drive in rows], np.bool_),
            gap_m=np.array([drive.gap_m for _, drive in rows], np.float64),
            ticks=np.array([len(drive.states) for _, drive in rows], np.int64),
            states=_joined([drive.states for _, drive in rows], 4),
            road=_joined([drive.road for _, drive in rows], 3),
            command=command.astype(np.uint8),
            commands=commands,
        )


def load_drives(path: Path) -> dict[str, list[Drive]]:
    """The drives of each driver, in the order they were saved in.

    Raises:
        UserError: the file is missing or damaged.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            table = {name: archive[name] for name in archive}
        return _drives(table)
    except FileNotFoundError:
        raise UserError(f"{path} is missing: run `dvc repro evaluate`") from None
    except _DAMAGE as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise UserError(f"{path} cannot be read ({reason}): run `dvc repro -f evaluate`") from None


def _drives(table: Mapping[str, NDArray[np.generic]]) -> dict[str, list[Drive]]:
    drives: dict[str, list[Drive]] = {}
    ends = np.cumsum(table["ticks"])
    told = table["commands"][table["command"]].tolist()
    for row, end in enumerate(ends.tolist()):
        part = slice(end - int(table["ticks"][row]), end)
        drive = Drive(
            family=str(table["family"][row]),
            seed=int(table["seed"][row]),
            states=table["states"][part].astype(np.float64),
            road=table["road"][part].astype(np.float64),
            commands=tuple(told[part]),
            collided=bool(table["collided"][row]),
            off_road=bool(table["off_road"][row]),
            finished=bool(table["finished"][row]),
            gap_m=float(table["gap_m"][row]),
            success=bool(table["success"][row]),
        )
        drives.setdefault(str(table["driver"][row]), []).append(drive)
    return drives


def _joined(histories: list[NDArray[np.float64]], width: int) -> NDArray[np.float32]:
    return np.concatenate([np.zeros((0, width)), *histories]).astype(np.float32)
