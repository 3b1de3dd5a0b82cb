"""One chunk of robot episodes as a LeRobot data set (v3, video): a frame per usable frame.

    observation.images.camera1 ...  (S, S, 3) video, scaled and padded to a square
    observation.state               (D,) as `dataset.hdf5.state` chooses
    action                          (6,) as `dataset.hdf5.action` chooses
    source_frame                    (1,) number of the frame in its file; the task is the command

A frame that cannot be used ends its episode, and what follows begins another one, so that every
episode is gapless in time and a chunk of actions is what was done. Both have the clip id of the
file, which keeps them on one side of the split.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from lerobot.utils.constants import ACTION, OBS_IMAGES, OBS_STATE
from numpy.typing import NDArray

from avvla.dataset.samples import KEY, read_rows
from avvla.dataset.shard import LEROBOT, REPO_ID, REPORT, Report, feature, square_video
from avvla.dataset.writer import SHORTEST_EPISODE, EpisodeWriter
from avvla.errors import UserError
from avvla.files import chunk_file
from avvla.hdf5.chunk import ACTIONS, LABELS, frame_numbers
from avvla.hdf5.episode import KINDS, Episode
from avvla.hdf5.files import open_chunk
from avvla.hdf5.image import ImageError, square
from avvla.hdf5.summary import action_array
from avvla.hdf5.values import action_names, state_names
from avvla.physical_ai.manifest import Manifest

if TYPE_CHECKING:
    from avvla.config import Hdf5

ROBOT = "robot_arm"
"""The `robot_type` of the data set."""
SOURCE_FRAME = "source_frame"


def features(cameras: Sequence[str], image_size: int, hdf5: Hdf5) -> dict[str, dict[str, Any]]:
    """LeRobot's description of a frame with square images of `image_size` pixels."""
    state, action = state_names(hdf5.state), action_names(hdf5.action)
    return {
        **{f"{OBS_IMAGES}.{name}": square_video(image_size) for name in cameras},
        OBS_STATE: feature("float32", (len(state),), state),
        ACTION: feature("float32", (len(action),), action),
        SOURCE_FRAME: feature("int64", (1,), None),
    }


def build_episode_shard(
    chunk: int,
    path: Path,
    *,
    image_size: int,
    hdf5: Hdf5,
    listing: Manifest,
    data_root: Path,
    labels: Path,
    actions: Path,
) -> None:
    """Write the shard of a chunk from its episode files and its tables in `labels` and `actions`.

    Raises:
        UserError: labels, actions or files of the chunk are missing, damaged or not of one another.
    """
    table = _join(labels / chunk_file(chunk), actions / chunk_file(chunk))
    path.mkdir()
    episodes: list[tuple[str, int]] = []
    with ExitStack() as opened:
        writer: EpisodeWriter | None = None
        for clip_id, episode, part in _parts(table, open_chunk(listing, data_root, chunk)):
            if writer is None:
                cameras = list(episode.camera_names(hdf5.cameras).values())
                columns = features(cameras, image_size, hdf5)
                commands = set(table["command"].to_pylist())
                writer = opened.enter_context(
                    EpisodeWriter(path / LEROBOT, REPO_ID, hdf5.fps, columns, commands, ROBOT)
                )
            _add(writer, episode, part, image_size, hdf5)
            episodes.append((clip_id, len(part)))
    report = _report(table, episodes)
    (path / REPORT).write_text(json.dumps(asdict(report), sort_keys=True))


def gapless(rows: pa.Table) -> list[pa.Table]:
    """The runs of usable rows of a file, by time, that are long enough for an episode."""
    valid = rows["valid"].to_numpy().astype(np.int8)
    runs = np.flatnonzero(np.diff(valid, prepend=0, append=0)).reshape(-1, 2)
    return [rows.slice(a, b - a) for a, b in runs.tolist() if b - a >= SHORTEST_EPISODE]


def _parts(
    table: pa.Table, files: Iterable[tuple[str, Episode]]
) -> Iterator[tuple[str, Episode, pa.Table]]:
    """Clip id, file and usable rows of every episode of the data set."""
    for clip_id, episode in files:
        for part in gapless(table.filter(pc.field("clip_id") == clip_id)):
            yield clip_id, episode, part


def _join(labels: Path, actions: Path) -> pa.Table:
    """Label and action rows of a chunk, by clip and time.

    Raises:
        UserError: a file is missing or damaged, or the two do not have the same rows.
    """
    left, right = (
        read_rows(labels, LABELS.names, "label"),
        read_rows(actions, ACTIONS.names, "fit_actions"),
    )
    if not left.select(KEY).equals(right.select(KEY)):
        raise UserError(
            f"{labels} has {len(left)} rows and {actions} has {len(right)}, expected the same"
            " frames in both: run `dvc repro --force label fit_actions`"
        )
    return right.append_column("command", left["command"])


def _add(
    writer: EpisodeWriter, episode: Episode, part: pa.Table, image_size: int, hdf5: Hdf5
) -> None:
    frames = frame_numbers(part["t0_us"].to_numpy(), hdf5.fps)
    values: dict[str, NDArray[Any]] = {
        OBS_STATE: episode.state(hdf5.state)[frames],
        ACTION: action_array(part),
        SOURCE_FRAME: frames[:, None],
    }
    images = {
        f"{OBS_IMAGES}.{name}": _squares(episode, camera, frames, image_size)
        for camera, name in episode.camera_names(hdf5.cameras).items()
    }
    writer.add(images, values, part["command"].to_pylist())


def _squares(
    episode: Episode, camera: str, frames: NDArray[np.int64], size: int
) -> Iterator[NDArray[np.uint8]]:
    for frame in frames.tolist():
        try:
            yield square(episode.image(camera, frame), size)
        except ImageError as error:
            raise UserError(
                f"{episode.name} frame {frame}: {camera} has {error}, not so when its actions were"
                " taken: run `dvc repro --force download fit_actions`"
            ) from None


def _report(table: pa.Table, episodes: Sequence[tuple[str, int]]) -> Report:
    reasons = Counter(table["reason"].to_pylist())
    dropped = {f"no {kind}": reasons[kind] for kind in KINDS if reasons[kind]}
    frames = [count for _, count in episodes]
    alone = reasons[""] - sum(frames)
    clips = [clip_id for clip_id, _ in episodes]
    return Report(
        clips=clips,
        groups=clips,
        frames=frames,
        commands=dict(Counter(table.filter(table["valid"])["command"].to_pylist())),
        dropped=dropped | ({"single frame": alone} if alone else {}),
        missing={},
    )
