"""A LeRobot data set as arrays in memory, each video decoded once from front to back.

`LeRobotDataset.__getitem__` opens the video and seeks for every frame, about 4 ms each; in order a
frame costs a tenth of that. The arrays are equal to what `__getitem__` returns.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import datasets.exceptions
import numpy as np
import pandas as pd
import pyarrow as pa
from lerobot.datasets import LeRobotDataset
from lerobot.utils.constants import ACTION, OBS_STATE
from numpy.typing import NDArray

from avvla.dataset import split
from avvla.dataset.shard import REPO_ID, TRAJECTORY
from avvla.errors import UserError
from avvla.features import IMAGE

# What LeRobot lets through of missing and damaged files.
_DAMAGE = (OSError, ValueError, LookupError, pa.ArrowException, datasets.exceptions.DatasetsError)
_TOLERANCE_S = 1e-4  # LeRobot's own, between the time of a frame and the time in its video
_PLACE = ("chunk_index", "file_index", "from_timestamp")


@dataclass(frozen=True, eq=False)
class Motion:
    """N samples without their pictures, by episode and time; features as in `dataset.shard`."""

    state: NDArray[np.float32]
    """(N, 2) speed [m/s], heading change [rad]."""
    action: NDArray[np.float32]
    """(N, 64, 2) acceleration [m/s^2], curvature [1/m]."""
    trajectory: NDArray[np.float32]
    """(N, 64, 3) driven x, y [m], yaw [rad], local frame."""
    command: tuple[str, ...]
    episode: NDArray[np.int64]
    """(N,) index of the episode."""
    clip_id: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Samples(Motion):
    """N samples."""

    image: NDArray[np.uint8]
    """(N, S, S, 3) RGB."""


def load(root: Path, episodes: Sequence[int]) -> Samples:
    """Read episodes of the data set at `root`.

    Raises:
        UserError: see `load_motion`; or a video is damaged.
    """
    dataset, rows, columns = _read(root, episodes)
    return Samples(**columns, image=images(dataset, IMAGE, rows))


def load_motion(root: Path, episodes: Sequence[int]) -> Motion:
    """Read episodes of the data set at `root`, but not their pictures.

    Raises:
        UserError: there is no data set of the Field Agent, it lacks one of `episodes`, or none is
            asked for.
    """
    return Motion(**_read(root, episodes)[2])


def _read(root: Path, episodes: Sequence[int]) -> tuple[LeRobotDataset, pa.Table, dict[str, Any]]:
    """The data set, its rows, and the fields of `Motion`."""
    if not episodes:
        raise UserError(f"no episodes of {root} asked for: the split is empty; {split.REMAKE}")
    if not (root / "meta/info.json").is_file():
        raise UserError(f"{root} holds no LeRobot data set: {split.REMAKE}")
    clips = _clips(root)
    unknown = sorted(set(episodes) - set(clips))
    if unknown:
        raise UserError(f"{root} has no episodes {unknown[:5]}, only {len(clips)} from 0 on")
    dataset = open_data_set(root, sorted(set(episodes)))
    rows: pa.Table = dataset.hf_dataset.with_format("arrow")[:]
    episode = rows["episode_index"].to_numpy()
    tasks = dataset.meta.tasks.index
    columns = {
        "state": array(dataset, rows, OBS_STATE),
        "action": array(dataset, rows, ACTION),
        "trajectory": array(dataset, rows, TRAJECTORY),
        "command": tuple(str(tasks[index]) for index in rows["task_index"].to_numpy()),
        "episode": episode,
        "clip_id": tuple(clips[index] for index in episode.tolist()),
    }
    return dataset, rows, columns


def open_data_set(root: Path, episodes: list[int], **options: Any) -> LeRobotDataset:
    """The samples of `episodes`, with further `options` of LeRobot.

    Raises:
        UserError: files are missing or damaged.
    """
    try:
        return LeRobotDataset(
            REPO_ID, root=root, episodes=episodes, video_backend="pyav", **options
        )
    except _DAMAGE as error:
        # LeRobot asks the hub for a file that it misses: what it says then is about the hub.
        raise UserError(
            f"{root} lacks files, or has damaged ones ({type(error).__name__}): {split.REMAKE}"
        ) from error


def _clips(root: Path) -> dict[int, str]:
    """Episode -> clip id."""
    parts = split.load(root)
    sides = (parts.train, parts.validation)
    return {i: clip for side in sides for i, clip in zip(side.episodes, side.clips, strict=True)}


def array(dataset: LeRobotDataset, rows: pa.Table, name: str) -> NDArray[Any]:
    """(N, ...) a feature of N rows of the data set."""
    column = rows[name].combine_chunks()
    values = column.storage if isinstance(column, pa.ExtensionArray) else column
    while pa.types.is_nested(values.type):
        values = values.flatten()
    array: NDArray[Any] = values.to_numpy(zero_copy_only=False, writable=True)
    return array.reshape(len(rows), *dataset.features[name]["shape"])


def images(dataset: LeRobotDataset, camera: str, rows: pa.Table) -> NDArray[np.uint8]:
    """(N, S, S, 3) what a camera saw in N rows of the data set, RGB.

    Raises:
        UserError: a video is damaged.
    """
    episode, time_s = rows["episode_index"].to_numpy(), rows["timestamp"].to_numpy()
    found = np.empty((len(episode), *dataset.features[camera]["shape"]), np.uint8)
    place = [f"videos/{camera}/{name}" for name in _PLACE]
    columns = ["episode_index", *place]
    places = dataset.meta.episodes.select_columns(columns).with_format("arrow")[:].to_pandas()
    places = places.set_index("episode_index").loc[episode]
    wanted = pd.DataFrame({"time": places[place[2]].to_numpy() + time_s})
    for _, part in wanted.groupby([places[name].to_numpy() for name in place[:2]]):
        path = dataset.root / dataset.meta.get_video_file_path(int(episode[part.index[0]]), camera)
        _decode(path, dataset.fps, part["time"].to_numpy(), part.index.to_numpy(), found)
    return found


def _decode(
    path: Path,
    fps: int,
    time_s: NDArray[np.float64],
    rows: NDArray[np.int64],
    images: NDArray[np.uint8],
) -> None:
    """Put the frames of a video at `time_s` (K,) into the `rows` (K,) of `images`."""
    row_of = dict(zip(np.rint(time_s * fps).astype(int).tolist(), rows.tolist(), strict=True))
    missing = dict(zip(rows.tolist(), time_s.tolist(), strict=True))
    try:
        with av.open(path) as video:
            for frame in video.decode(video=0):
                row = row_of.get(round(frame.time * fps))
                if row in missing and abs(frame.time - missing[row]) < _TOLERANCE_S:
                    images[row] = frame.to_ndarray(format="rgb24")
                    del missing[row]
    except (av.FFmpegError, LookupError) as error:  # LookupError: no video in the file
        raise UserError(f"{path} cannot be decoded ({error}): {split.REMAKE}") from error
    if missing:
        raise UserError(
            f"{path} lacks {len(missing)} frames, the first at {min(missing.values()):.3f} s:"
            f" {split.REMAKE}"
        )
