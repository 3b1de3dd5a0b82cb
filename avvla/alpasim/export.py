"""A rollout's log as tables and videos that other tools open.

    poses.parquet   timestamp_us, actor_id, x, y, z, qw, qx, qy, qz        what drove where
    plans.parquet   drive, timestamp_us, x, y, z, qw, qx, qy, qz           what the driver planned
    frames.parquet  camera, frame_start_us, frame_end_us, offset, bytes    where its images lie
    <camera>.mp4    its images at their times

Metres and unit quaternions, in the scene's local frame (x east, y north, z up). The images of a
camera come in the order of their times, whatever their order in the log.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq
from tqdm import tqdm

from avvla.alpasim.asl import ACTOR_POSES, CAMERA_IMAGE, DRIVER_RETURN, Entry, Log, opened
from avvla.alpasim.wire import DamagedError, Message
from avvla.errors import UserError

_POSE = {name: pa.float32() for name in ("x", "y", "z", "qw", "qx", "qy", "qz")}
_SCHEMAS = {
    "poses": pa.schema({"timestamp_us": pa.int64(), "actor_id": pa.string(), **_POSE}),
    "plans": pa.schema({"drive": pa.int32(), "timestamp_us": pa.int64(), **_POSE}),
    "frames": pa.schema(
        {
            "camera": pa.string(),
            "frame_start_us": pa.int64(),
            "frame_end_us": pa.int64(),
            "offset": pa.int64(),
            "bytes": pa.int64(),
        }
    ),
}
_LAST_US = (1 << 63) - 1  # of a column
_BATCH = 10_000  # rows that are held before they are written
Row = tuple[object, ...]


@dataclass(frozen=True)
class Frame:
    """Where an image lies in the log."""

    end_us: int
    offset: int
    bytes: int


@dataclass
class Exported:
    """What was written."""

    entries: int = 0
    """Read, of whatever kind."""
    rows: dict[str, int] = field(default_factory=dict)
    frames: dict[str, int] = field(default_factory=dict)
    """Images by camera."""
    problem: str = ""
    """Why the log was not read to its end; empty if it was."""


def export(log: Path, output: Path, *, video: bool) -> Exported:
    """Write the tables of a log into a new folder, and with `video` an mp4 of each camera.

    Raises:
        UserError: the folder is there already or cannot be made, or the log cannot be read or has
            no entry.
    """
    with _new_folder(output) as folder, opened(log) as file:
        done, frames = _tables(file, folder)
        if not done.entries:
            raise UserError(
                f"{log} has no entry ({done.problem or 'empty'}), expected an .asl log: `avvla"
                " alpasim logs list RUN` names those of a run"
            )
        if video:
            from avvla.alpasim.video import write_video

            for camera, images in sorted(frames.items()):
                # A name from a log may hold a slash; no file may lie outside of the folder.
                name = "".join(sign if sign.isalnum() or sign in "_-" else "_" for sign in camera)
                write_video(file, sorted(images, key=lambda image: image.end_us), folder, name)
        done.frames = {camera: len(images) for camera, images in sorted(frames.items())}
        return done


def _tables(file: BinaryIO, folder: Path) -> tuple[Exported, dict[str, list[Frame]]]:
    done, drive = Exported(), 0
    frames: dict[str, list[Frame]] = {}
    entries = Log(file, (ACTOR_POSES, DRIVER_RETURN, CAMERA_IMAGE))
    size = os.fstat(file.fileno()).st_size
    with (
        _tables_in(folder, done) as tables,
        tqdm(
            desc="tables", total=size, unit="B", unit_scale=True, leave=False, disable=None
        ) as bar,
    ):
        try:
            for entry in entries:
                done.entries += 1
                bar.update(entries.end - bar.n)
                if entry.kind == ACTOR_POSES:
                    tables["poses"].add(_poses(entry.message()))
                elif entry.kind == DRIVER_RETURN:
                    tables["plans"].add(_plan(entry.message(), drive))
                    drive += 1
                elif entry.kind == CAMERA_IMAGE:
                    camera, start_us, frame = _frame(entry, entries.end)
                    frames.setdefault(camera, []).append(frame)
                    tables["frames"].add(
                        [(camera, start_us, frame.end_us, frame.offset, frame.bytes)]
                    )
            done.problem = entries.problem
        except DamagedError as error:
            done.problem = f"damaged before byte {entries.end} ({error})"
    return done, frames


class _Table:
    """A Parquet file that grows by batches of rows."""

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self._writer, self._schema = pq.ParquetWriter(path, schema), schema
        self._rows: list[Row] = []
        self.count = 0

    def add(self, rows: Sequence[Row]) -> None:
        self._rows += rows
        self.count += len(rows)
        if len(self._rows) >= _BATCH:
            self.flush()

    def flush(self) -> None:
        columns = list(zip(*self._rows, strict=True)) or [()] * len(self._schema)
        arrays = [
            pa.array(column, kind) for column, kind in zip(columns, self._schema.types, strict=True)
        ]
        self._writer.write_table(pa.Table.from_arrays(arrays, schema=self._schema))
        self._rows = []

    def close(self) -> None:
        self.flush()
        self._writer.close()


@contextmanager
def _tables_in(folder: Path, done: Exported) -> Iterator[Mapping[str, _Table]]:
    tables = {name: _Table(folder / f"{name}.parquet", schema) for name, schema in _SCHEMAS.items()}
    yield tables
    for table in tables.values():
        table.close()
    done.rows = {name: table.count for name, table in tables.items()}


def _poses(actors: Message) -> list[Row]:
    """Rows of ActorPoses{fixed64 timestamp_us=1; repeated {string actor_id=1; Pose=2}=2}."""
    time_us = _time_us(actors, 1)
    found = [Message(content) for content in actors.all(2)]
    return [(time_us, actor.text(1), *_pose(actor.child(2))) for actor in found]


def _plan(response: Message, drive: int) -> list[Row]:
    """Rows of DriveResponse{Trajectory{repeated {Pose=1; fixed64 timestamp_us=2}=1}=2}."""
    poses = [Message(content) for content in response.child(2).all(1)]
    return [(drive, _time_us(pose, 2), *_pose(pose.child(1))) for pose in poses]


def _pose(pose: Message) -> tuple[float, ...]:
    """x, y, z, qw, qx, qy, qz of Pose{Vec3=1; Quat{w=1 x=2 y=3 z=4}=2}."""
    vec, quat = pose.child(1), pose.child(2)
    return (*(vec.real(axis) for axis in (1, 2, 3)), *(quat.real(axis) for axis in (1, 2, 3, 4)))


def _frame(entry: Entry, end: int) -> tuple[str, int, Frame]:
    """Camera, start and place of RolloutCameraImage{CameraImage=3}.

    CameraImage{fixed64 frame_start_us=2 frame_end_us=3; bytes image_bytes=4; string logical_id=5}
    """
    image = entry.message().child(3)
    content = image.last(4, b"")
    if not isinstance(content, memoryview) or entry.content is None:
        raise DamagedError("an image without bytes")
    # Views of the same bytes: where the image begins is told by what is left behind it.
    place = _offset(content, entry.content)
    begin = end - len(entry.content) + place
    start_us, end_us = _time_us(image, 2), _time_us(image, 3)
    return image.text(5), start_us, Frame(end_us, begin, len(content))


def _time_us(message: Message, number: int) -> int:
    time_us = message.integer(number)
    if time_us > _LAST_US:
        raise DamagedError(f"a time of {time_us} us")
    return time_us


def _offset(part: memoryview, whole: memoryview) -> int:
    import numpy as np

    first = np.frombuffer(part, np.uint8).__array_interface__["data"][0]
    return int(first - np.frombuffer(whole, np.uint8).__array_interface__["data"][0])


@contextmanager
def _new_folder(output: Path) -> Iterator[Path]:
    """A folder beside `output` that takes its name when the block ends without an error."""
    if output.exists():
        raise UserError(f"{output} is there already: name a folder that is to be made")
    temporary = output.with_name(f".{output.name}.{os.getpid()}.tmp")
    try:
        temporary.mkdir(parents=True)
        yield temporary
        temporary.rename(output)
    except OSError as error:
        raise UserError(f"{output} cannot be written ({error.strerror})") from None
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
