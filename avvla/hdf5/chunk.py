"""What is made of one chunk of episodes: findings at import, label table, action table.

The tables have one row for each frame, by clip and time: `clip_id` is the file's path without its
suffix, `t0_us` the frame's number over the stated frame rate [us].
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from avvla.errors import UserError
from avvla.hdf5.episode import Episode
from avvla.hdf5.files import open_chunk
from avvla.hdf5.findings import Finding, FrameFault
from avvla.hdf5.values import AXES
from avvla.physical_ai.manifest import Manifest

if TYPE_CHECKING:
    from avvla.config import Hdf5

KEY = (("clip_id", pa.string()), ("t0_us", pa.int64()))
LABELS = pa.schema([*KEY, ("command", pa.string())])
ACTIONS = pa.schema(
    [
        *KEY,
        ("action", pa.list_(pa.float32(), AXES)),
        ("valid", pa.bool_()),
        ("reason", pa.string()),  # one of avvla.hdf5.episode.KINDS, "" where valid
        ("detail", pa.string()),
    ]
)


def inspect_chunk(
    chunk: int,
    path: Path,
    *,
    hdf5: Hdf5,
    folder: Path,
    members: Mapping[int, tuple[str, ...]],
) -> None:
    """Look at every frame of a chunk's files below `folder`; a JSON list of `Finding`.

    A file that cannot be used is a finding, not an error, so that all of them can be told at once.
    """
    found = [asdict(_inspect(folder / name, name, hdf5)) for name in members[chunk]]
    path.write_text(json.dumps(found))


def label_chunk(
    chunk: int, path: Path, *, command: str, fps: int, listing: Manifest, data_root: Path
) -> None:
    """Label each frame of a chunk with the text `command`: a parquet file as LABELS.

    Raises:
        UserError: a file of the chunk is missing or damaged.
    """
    rows = []
    for clip_id, episode in open_chunk(listing, data_root, chunk):
        count = episode.frames
        key = {"clip_id": [clip_id] * count, "t0_us": times_us(count, fps)}
        rows.append(pa.table({**key, "command": [command] * count}, schema=LABELS))
    pq.write_table(pa.concat_tables(rows), path, compression="zstd")


def action_chunk(chunk: int, path: Path, *, hdf5: Hdf5, listing: Manifest, data_root: Path) -> None:
    """Take the action of each frame of a chunk, and say whether the frame can be used.

    Writes a parquet file as ACTIONS.

    Raises:
        UserError: a file of the chunk is missing or damaged.
    """
    rows = []
    for clip_id, episode in open_chunk(listing, data_root, chunk):
        count, faults = episode.frames, episode.faults(hdf5)
        action = pa.array(episode.action(hdf5.action).ravel())
        columns = {
            "clip_id": [clip_id] * count,
            "t0_us": times_us(count, hdf5.fps),
            "action": pa.FixedSizeListArray.from_arrays(action, AXES),
            "valid": [i not in faults for i in range(count)],
            "reason": [faults[i].kind if i in faults else "" for i in range(count)],
            "detail": [faults[i].detail if i in faults else "" for i in range(count)],
        }
        rows.append(pa.table(columns, schema=ACTIONS))
    pq.write_table(pa.concat_tables(rows), path, compression="zstd")


def times_us(frames: int, fps: int) -> NDArray[np.int64]:
    """(N,) times of frames [us]."""
    times: NDArray[np.int64] = np.rint(np.arange(frames) * (1e6 / fps)).astype(np.int64)
    return times


def frame_numbers(t0_us: NDArray[np.int64], fps: int) -> NDArray[np.int64]:
    """(K,) numbers of the frames at `t0_us` (K,) [us], the inverse of `times_us`."""
    numbers: NDArray[np.int64] = np.rint(t0_us * (fps / 1e6)).astype(np.int64)
    return numbers


def _inspect(path: Path, name: str, hdf5: Hdf5) -> Finding:
    try:
        with Episode.open(path, name) as episode:
            cameras = episode.camera_names(hdf5.cameras)
            return Finding(
                path=name,
                frames=episode.frames,
                cameras={camera: episode.layouts[camera] for camera in cameras},
                faults=tuple(
                    FrameFault(frame, fault.kind, fault.detail)
                    for frame, fault in sorted(episode.faults(hdf5).items())
                ),
            )
    except UserError as error:
        return Finding(path=name, problem=str(error))
