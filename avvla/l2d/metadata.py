"""The metadata of L2D: what info.json says of the frames, and the episodes of each drive."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from avvla.errors import UserError
from avvla.l2d import layout

UNREADABLE = (OSError, ValueError, LookupError, TypeError, AttributeError, pa.ArrowException)
"""What pyarrow, json and plain indexing let through of damaged files."""

_ANOTHER_COMMIT = "set dataset.l2d.revision to a commit of a release from R2 on"


@dataclass(frozen=True)
class Info:
    """Of info.json: places of values in the vehicle's state, and the camera's image size [px]."""

    speed: int
    heading: int
    latitude: int
    longitude: int
    values: int
    """How many values the vehicle's state has."""
    width: int
    height: int


@dataclass(frozen=True)
class Episode:
    """Where the frames of one episode are: a state table, and a video from a time [s] on."""

    index: int
    data: str
    video: str
    video_start_s: float


def read_info(snapshot: Path, camera: str) -> Info:
    """Read meta/info.json.

    Raises:
        UserError: it is missing or damaged, of another version or rate, or lacks the camera or a
            feature that is needed.
    """
    path = snapshot / layout.INFO
    try:
        info = json.loads(path.read_text())
        version, fps, features = info["codebase_version"], info["fps"], info["features"]
        if not version.startswith("v3."):
            raise UserError(
                f"{path} is of LeRobot's version {version}, expected v3: {_ANOTHER_COMMIT}"
            )
        if fps != layout.FPS:
            raise UserError(
                f"{path} has {fps} frames a second, expected {layout.FPS}: {_ANOTHER_COMMIT}"
            )
        cameras = sorted(name for name, it in features.items() if it["dtype"] == "video")
        if camera not in cameras:
            raise UserError(f"dataset.camera is {camera!r}, {path} has {', '.join(cameras)}")
        lacking = sorted(set(layout.STATE_COLUMNS) - set(features))
        if lacking:
            raise UserError(f"{path} lacks the features {', '.join(lacking)}: {_ANOTHER_COMMIT}")
        axes = _names(features[layout.VEHICLE])
        size = dict(zip(_names(features[camera]), features[camera]["shape"], strict=True))
        return Info(
            speed=_place(axes, "speed"),
            heading=_place(axes, "heading"),
            latitude=_place(axes, "latitude"),
            longitude=_place(axes, "longitude"),
            values=len(axes),
            width=int(size["width"]),
            height=int(size["height"]),
        )
    except UNREADABLE as error:
        raise unreadable(path, error) from error


def read_drives(snapshot: Path, paths: Iterable[str], camera: str) -> dict[str, list[Episode]]:
    """The episodes of each drive, both in the order of the data set, from `paths`.

    Raises:
        UserError: a table is missing or damaged, or an episode has no drive.
    """
    video = f"videos/{camera}"
    files = [f"{top}/{name}_index" for top in ("data", video) for name in ("chunk", "file")]
    columns = [layout.EPISODE, layout.SESSION, *files, f"{video}/from_timestamp"]
    tables = [read_table(snapshot / path, columns).to_pandas() for path in sorted(paths)]
    if not tables:
        raise UserError(f"{snapshot} has no tables in {layout.EPISODES}, expected one or more")
    rows = pd.concat(tables).sort_values(layout.EPISODE, kind="stable")
    incomplete = rows[rows.isna().any(axis=1) | (rows[layout.SESSION] == "")]
    if len(incomplete):
        raise UserError(
            f"episode {incomplete.iloc[0][layout.EPISODE]} of {snapshot} lacks its"
            f" {layout.SESSION}, file or time in the video, and without its drive the split would"
            f" leak: {_ANOTHER_COMMIT}"
        )
    drives: dict[str, list[Episode]] = {}
    for index, session, chunk, file, video_chunk, video_file, start in rows[columns].itertuples(
        index=False, name=None
    ):
        data = layout.data_path(int(chunk), int(file))
        shown = layout.video_path(camera, int(video_chunk), int(video_file))
        drives.setdefault(str(session), []).append(Episode(int(index), data, shown, float(start)))
    return drives


def files_of(episodes: Iterable[Episode]) -> list[str]:
    """Paths of the state tables and the videos of episodes, sorted."""
    return sorted({path for episode in episodes for path in (episode.data, episode.video)})


def read_table(path: Path, columns: list[str], episodes: list[int] | None = None) -> pa.Table:
    """Columns of a table, of all rows or of `episodes` alone, in the order of the file.

    Raises:
        UserError: it is missing or damaged, or lacks a column.
    """
    try:
        lacking = sorted(set(columns) - set(pq.read_schema(path).names))
        if lacking:
            raise UserError(f"{path} lacks the columns {', '.join(lacking)}: {_ANOTHER_COMMIT}")
        chosen = None if episodes is None else [(layout.EPISODE, "in", episodes)]
        return pq.read_table(path, columns=columns, filters=chosen).select(columns)
    except UNREADABLE as error:
        raise unreadable(path, error) from error


def unreadable(path: Path, error: Exception) -> UserError:
    """The error of a file that is missing or damaged, in one line."""
    line = " ".join(str(error).split())
    return UserError(
        f"{path} cannot be read ({type(error).__name__}: {line}): check the files with"
        " `avvla data verify`, get them with `avvla data fetch`"
    )


def _names(feature: dict[str, Any]) -> list[str]:
    """LeRobot's names of a feature's values: a list, or a list under one key."""
    names = feature["names"]
    return list(next(iter(names.values())) if isinstance(names, dict) else names)


def _place(axes: list[str], name: str) -> int:
    """The place of an axis; positions are called `hp_loc_latitude` in some releases."""
    return [axis.removeprefix("hp_loc_") for axis in axes].index(name)
