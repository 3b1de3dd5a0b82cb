"""Alpasim's log of a rollout (.asl), read front to back in little memory.

    4 bytes, big-endian: length   that many bytes: a LogEntry   and so on

A LogEntry is a protobuf message with one field, whose number says what it is (`KINDS`). Most bytes
are camera images: entries that are not asked for are stepped over, not read. A log whose writer was
killed ends within an entry, and what lies before it counts.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from avvla.alpasim.wire import BYTES, DamagedError, Message, varint
from avvla.errors import UserError

ROLLOUT_METADATA, ACTOR_POSES, DRIVER_REQUEST, DRIVER_RETURN = 1, 2, 4, 5
CAMERA_IMAGE, EGO_TRAJECTORY, ROUTE_REQUEST = 11, 12, 17
KINDS = {
    ROLLOUT_METADATA: "rollout_metadata",
    ACTOR_POSES: "actor_poses",
    3: "render_request",
    DRIVER_REQUEST: "driver_request",
    DRIVER_RETURN: "driver_return",
    6: "traffic_request",
    7: "traffic_return",
    8: "physics_request",
    9: "physics_return",
    10: "driver_session_request",
    CAMERA_IMAGE: "driver_camera_image",
    EGO_TRAJECTORY: "driver_ego_trajectory",
    13: "traffic_session_request",
    14: "controller_request",
    15: "controller_return",
    16: "egomotion_estimate_error",
    ROUTE_REQUEST: "route_request",
    18: "ground_truth_request",
    19: "available_cameras_request",
    20: "available_cameras_return",
    21: "aggregated_render_request",
    30: "batch_render_request",
}
"""Kinds of entries by field number; others are counted by their number."""
_LENGTH = struct.Struct(">I")
_HEAD = 16  # holds the tag and the length of the one field: 5 and 10 bytes at most, in practice 6


@dataclass(frozen=True)
class Entry:
    """An entry: its kind, its size, and its content if it was asked for."""

    kind: int
    begin: int
    """Of its length in the file [bytes]."""
    size: int
    """Of the message [bytes]."""
    content: memoryview | None

    def message(self) -> Message:
        """The message in the one field.

        Raises:
            DamagedError: it is none.
            ValueError: the content was not asked for.
        """
        if self.content is None:
            raise ValueError("the content was not asked for")
        return Message(self.content)


class Log:
    """The entries of an open log from a place on; `end` is where the last whole one ends.

    Reading stops at a cut or damaged entry, and `problem` then says why. A log that is being
    written can be read on from `end` later.
    """

    def __init__(self, file: BinaryIO, wanted: Collection[int], begin: int = 0) -> None:
        self._file, self._wanted = file, frozenset(wanted)
        self.end = begin
        self.problem = ""

    def __iter__(self) -> Iterator[Entry]:
        size = os.fstat(self._file.fileno()).st_size
        self.problem = ""
        while self.end < size:
            self._file.seek(self.end)
            head = self._file.read(_LENGTH.size + _HEAD)
            if len(head) < _LENGTH.size:
                self.problem = f"cut at byte {self.end}"
                return
            (length,) = _LENGTH.unpack_from(head)
            if self.end + _LENGTH.size + length > size:
                self.problem = f"cut at byte {self.end}"
                return
            try:
                entry = self._entry(head[_LENGTH.size : _LENGTH.size + length], length)
            except DamagedError as error:
                self.problem = f"damaged at byte {self.end} ({error})"
                return
            self.end += _LENGTH.size + length
            yield entry

    def _entry(self, head: bytes, length: int) -> Entry:
        if not length:
            return Entry(0, self.end, 0, None)
        tag, at = varint(head, 0)
        kind = tag >> 3
        if tag & 7 != BYTES or not kind:
            raise DamagedError(f"tag {tag}")
        inside, at = varint(head, at)
        if at + inside != length:
            raise DamagedError(f"{KINDS.get(kind, kind)} of {inside} bytes in {length}")
        content = None
        if kind in self._wanted:
            self._file.seek(self.end + _LENGTH.size + at)
            content = memoryview(self._file.read(inside))
            if len(content) < inside:
                raise DamagedError("the file became shorter")
        return Entry(kind, self.end, length, content)


@dataclass(frozen=True)
class Metadata:
    """What the first entry of a log says."""

    session: str
    scene_id: str
    steps: int
    """How many control steps were asked for."""
    start_us: int
    control_timestep_us: int
    force_gt_us: int
    renderer: str


def metadata(entry: Entry) -> Metadata:
    """The metadata of a rollout.

    Raises:
        DamagedError: the entry is of another kind or damaged.
    """
    if entry.kind != ROLLOUT_METADATA:
        raise DamagedError(f"the first entry is {KINDS.get(entry.kind, entry.kind)}")
    found = entry.message()
    session = found.child(1)
    return Metadata(
        session=session.text(1),
        scene_id=session.text(2),
        steps=session.integer(4),
        start_us=session.integer(5),
        control_timestep_us=session.integer(6),
        force_gt_us=found.integer(3),
        renderer=session.text(8),
    )


def opened(path: Path) -> BinaryIO:
    """A log, opened.

    Raises:
        UserError: it cannot be.
    """
    try:
        return path.open("rb")
    except OSError as error:
        raise UserError(
            f"{path} cannot be read ({error.strerror}), expected an .asl log: `avvla alpasim logs"
            " list RUN` names those of a run"
        ) from None
