"""A LeRobot data set (v3, video) written episode by episode: equal to what `add_frame` writes.

LeRobot records robots in real time: each `save_episode` starts a thread, copies the video of all
episodes so far and sends its rows through `datasets`, about 100 ms for an episode of 5 frames.
Here rows and video go straight to their files, and the metadata are written once, at the end:

    data/chunk-000/file-000.parquet               a row a frame, a row group an episode
    videos/<camera>/chunk-000/file-000.mp4        see `avvla.dataset.video`
    meta/info.json, stats.json, tasks.parquet, episodes/chunk-000/file-000.parquet

There is one file of each kind: the sizes in info.json say where LeRobot begins another one, and
nothing that reads depends on them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from lerobot.datasets import (
    DEFAULT_EPISODES_PATH,
    LeRobotDatasetMetadata,
    aggregate_stats,
    write_stats,
)
from lerobot.datasets.compute_stats import compute_episode_stats
from lerobot.datasets.feature_utils import get_hf_features_from_features
from lerobot.datasets.io_utils import write_info
from lerobot.utils.constants import DEFAULT_FEATURES
from lerobot.utils.utils import flatten_dict
from numpy.typing import NDArray

from avvla.dataset.video import Video, encoder

SHORTEST_EPISODE = 2
"""Frames: LeRobot cannot merge the statistics of an episode of one frame."""

_FILE = {"chunk_index": 0, "file_index": 0}


class EpisodeWriter:
    """Writes a new data set with one camera or several; a context manager.

    The data set is complete when the block ends without an error. Numbers of episodes, frames and
    tasks, times and statistics are added here; only one image is held at a time.
    """

    def __init__(
        self,
        root: Path,
        repo_id: str,
        fps: int,
        features: dict[str, dict[str, Any]],
        tasks: Iterable[str],
        robot_type: str,
    ) -> None:
        """Begin a data set at `root`, which must not exist; `tasks` are numbered by their text.

        Raises:
            ValueError: `features` have no camera.
        """
        self._cameras = [name for name, item in features.items() if item["dtype"] == "video"]
        if not self._cameras:
            raise ValueError(f"expected a feature of dtype video, got {sorted(features)}")
        self._meta = LeRobotDatasetMetadata.create(repo_id, fps, features, robot_type, root)
        # LeRobot itself numbers new tasks in the order of a set.
        self._meta.save_episode_tasks(sorted(set(tasks)))
        self._task_index = dict(self._meta.tasks["task_index"])
        self._features = {
            name: item for name, item in self._meta.features.items() if item["dtype"] != "video"
        }
        self._schema = _schema(self._features)
        self._frames = 0
        self._episodes: list[dict[str, Any]] = []
        self._statistics: list[dict[str, dict[str, NDArray[Any]]]] = []

    def __enter__(self) -> Self:
        meta = self._meta
        rows = meta.root / meta.data_path.format(**_FILE)
        rows.parent.mkdir(parents=True)
        self._videos: dict[str, Video] = {}
        with ExitStack() as files:
            for camera in self._cameras:
                path = meta.root / meta.video_path.format(video_key=camera, **_FILE)
                shape = tuple(meta.features[camera]["shape"])
                self._videos[camera] = files.enter_context(Video(path, meta.fps, shape))
            self._rows = files.enter_context(pq.ParquetWriter(rows, self._schema))
            self._files = files.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._files.__exit__(kind, error, trace)
        if error is None:
            self._finish()

    def add(
        self,
        images: Mapping[str, Iterable[NDArray[np.uint8]]],
        values: Mapping[str, NDArray[Any]],
        tasks: Sequence[str],
    ) -> None:
        """Append an episode of T frames.

        Args:
            images: of every camera T pictures (H, W, 3) RGB, taken one by one.
            values: (T, *shape) of every other feature.
            tasks: T texts.

        Raises:
            ValueError: fewer than `SHORTEST_EPISODE` frames, or a feature is missing, unknown, or
                not of its shape or dtype, or their lengths differ.
            KeyError: a task is not one of those that the data set began with.
        """
        first, length = self._frames, len(tasks)
        if length < SHORTEST_EPISODE:
            raise ValueError(f"got {length} frames, expected at least {SHORTEST_EPISODE}")
        columns = self._columns(values, tasks)
        statistics = compute_episode_stats(columns, self._features)
        if images.keys() != self._videos.keys():
            raise ValueError(f"got images of {sorted(images)}, expected {sorted(self._videos)}")
        self._frames = first + length
        for camera, video in self._videos.items():
            statistics[camera] = video.add_episode(images[camera])
            if video.frames != self._frames:
                raise ValueError(f"got {video.frames - first} images, expected {length}")
        arrays = [_nested(columns[field.name], field.type) for field in self._schema]
        self._rows.write_table(pa.Table.from_arrays(arrays, schema=self._schema))
        places: dict[str, Any] = {}
        for camera in self._cameras:
            places |= {f"videos/{camera}/{name}": index for name, index in _FILE.items()}
            places[f"videos/{camera}/from_timestamp"] = first / self._meta.fps
            places[f"videos/{camera}/to_timestamp"] = self._frames / self._meta.fps
        flat = {name: value.tolist() for name, value in flatten_dict({"stats": statistics}).items()}
        self._episodes.append(
            {
                "episode_index": len(self._episodes),
                "tasks": sorted(set(tasks)),
                "length": length,
                **{f"data/{name}": index for name, index in _FILE.items()},
                "dataset_from_index": first,
                "dataset_to_index": self._frames,
                **places,
                **flat,
                **{f"meta/episodes/{name}": index for name, index in _FILE.items()},
            }
        )
        self._statistics.append(statistics)

    def _columns(
        self, values: Mapping[str, NDArray[Any]], tasks: Sequence[str]
    ) -> dict[str, NDArray[Any]]:
        """All features but the cameras, in their order; a shape of (1,) is (T,) as in the file."""
        length = len(tasks)
        own = {name: item for name, item in self._features.items() if name not in DEFAULT_FEATURES}
        if values.keys() != own.keys():
            raise ValueError(f"got features {sorted(values)}, expected {sorted(own)}")
        for name, feature in own.items():
            wanted = (length, *feature["shape"])
            if values[name].shape != wanted or values[name].dtype != feature["dtype"]:
                raise ValueError(
                    f"{name} is {values[name].dtype} {values[name].shape}, expected"
                    f" {feature['dtype']} {wanted}"
                )
        frame = np.arange(length)
        columns = {
            **values,
            "timestamp": frame / self._meta.fps,
            "frame_index": frame,
            "episode_index": np.full(length, len(self._episodes)),
            "index": self._frames + frame,
            "task_index": np.array([self._task_index[task] for task in tasks]),
        }
        return {
            name: columns[name].reshape(length) if feature["shape"] == (1,) else columns[name]
            for name, feature in self._features.items()
        }

    def _finish(self) -> None:
        """Write the metadata of complete files."""
        meta = self._meta
        if not self._episodes:
            raise ValueError(f"the data set {meta.root} has no episode")
        path = meta.root / DEFAULT_EPISODES_PATH.format(**_FILE)
        path.parent.mkdir(parents=True)
        pq.write_table(pa.Table.from_pylist(self._episodes), path)
        write_stats(aggregate_stats(self._statistics), meta.root)
        for camera in self._cameras:
            meta.update_video_info(camera, encoder())
        meta.info.total_episodes = len(self._episodes)
        meta.info.total_frames = self._frames
        meta.info.total_tasks = len(meta.tasks)
        meta.info.splits = {"train": f"0:{len(self._episodes)}"}
        write_info(meta.info, meta.root)


def _schema(features: dict[str, dict[str, Any]]) -> pa.Schema:
    """LeRobot's columns, features of two and more axes as plain nested lists.

    The extension type that `datasets` has for them does not survive the way through pandas in
    LeRobot's aggregation; nested lists do, and read the same.
    """
    schema = get_hf_features_from_features(features).arrow_schema
    for i, field in enumerate(schema):
        if isinstance(field.type, pa.ExtensionType):
            schema = schema.set(i, field.with_type(field.type.storage_type))
    return schema


def _nested(values: NDArray[Any], kind: pa.DataType) -> pa.Array:
    """Values (T, ...) as an Arrow array of T scalars or lists."""
    if values.ndim == 1:
        return pa.array(values.astype(kind.to_pandas_dtype(), copy=False))
    inner = _nested(values.reshape(-1, *values.shape[2:]), kind.value_type)
    if pa.types.is_fixed_size_list(kind):
        return pa.FixedSizeListArray.from_arrays(inner, type=kind)
    ends = np.arange(len(values) + 1, dtype=np.int32) * values.shape[1]
    return pa.ListArray.from_arrays(ends, inner, type=kind)
