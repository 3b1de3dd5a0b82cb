"""The file of all drives (npz), from which the report is drawn without driving again.

One row a drive: driver, ROW, scores (4,) in the order of SCORES, NaN where there are none, and
ticks, the number of its states. The histories of all drives follow each other in states (T, 4) x,
y [m], yaw [rad], v [m/s], road (T, 3) s, lateral, target offset [m], both float32, and command
(T,), an index into the texts `commands`. Without a closed loop there is no row.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from avvla.evaluation import archive
from avvla.evaluation.drive import SCORES, Drive

ROW = ("family", "seed", "success", "obeyed", "collided", "off_road", "finished", "gap_m")


def save_drives(path: Path, drives: Mapping[str, Sequence[Drive]]) -> None:
    """Write the drives of each driver, whole or not at all."""
    rows = [(driver, drive) for driver, listed in drives.items() for drive in listed]
    told = [text for _, drive in rows for text in drive.commands]
    commands, command = np.unique(np.array(told, np.str_), return_inverse=True)
    columns = {name: np.array([getattr(drive, name) for _, drive in rows]) for name in ROW}
    archive.write(
        path,
        {
            "driver": np.array([driver for driver, _ in rows]),
            **columns,
            "scores": np.array(
                [[drive.scores.get(name, np.nan) for name in SCORES] for _, drive in rows]
            ).reshape(len(rows), len(SCORES)),
            "ticks": np.array([len(drive.states) for _, drive in rows], np.int64),
            "states": _joined([drive.states for _, drive in rows], 4),
            "road": _joined([drive.road for _, drive in rows], 3),
            "command": command.astype(np.uint8),
            "commands": commands,
        },
    )


def _joined(parts: Sequence[NDArray[np.float64]], width: int) -> NDArray[np.float32]:
    """The rows of all parts (T, width); none without a part."""
    return np.concatenate([np.zeros((0, width)), *parts]).astype(np.float32)


def load_drives(path: Path) -> dict[str, list[Drive]]:
    """The drives of each driver, in the order they were saved in.

    Raises:
        UserError: the file is missing or damaged.
    """
    names = ("driver", *ROW, "scores", "ticks", "states", "road", "command", "commands")
    table = archive.read(path, names)
    told = table["commands"][table["command"]].tolist()
    drives: dict[str, list[Drive]] = {}
    begin = 0
    for row, ticks in enumerate(table["ticks"].tolist()):
        part = slice(begin, begin + ticks)
        begin += ticks
        drive = Drive(
            **{name: table[name][row].item() for name in ROW},
            states=table["states"][part].astype(np.float64),
            road=table["road"][part].astype(np.float64),
            commands=tuple(told[part]),
            scores={
                name: value
                for name, value in zip(SCORES, table["scores"][row].tolist(), strict=True)
                if math.isfinite(value)
            },
        )
        drives.setdefault(str(table["driver"][row]), []).append(drive)
    return drives
