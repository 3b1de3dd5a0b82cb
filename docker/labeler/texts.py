"""The files of the labeller: which windows it is asked for, and the texts that it answers with.

    windows.parquet             asked: clip_id, chunk, t0_us [us], from `avvla labels export`
    DIR/run.json                settings that every text in DIR was made with
    DIR/clips/<clip>.parquet    the texts of a finished clip, with the seconds of each call
    DIR/clips/<clip>.failed     why a clip could not be read, one line; it is tried again
    DIR/chunk_NNNN.parquet      the texts of a chunk, there once none of its clips is open

A row is one sample of one t0: columns of SCHEMA, `trajectory` 64 points (x, y, z) [m] in the local
frame, flat. The tables of chunks carry no time: what is hashed must not tell how fast a GPU was.
Files take their name when they are whole, so a run may be killed at any moment, and shards on any
number of hosts may share DIR.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import socket
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

SCHEMA = pa.schema(
    [
        ("clip_id", pa.string()),
        ("t0_us", pa.int64()),
        ("sample", pa.int32()),
        ("cot", pa.string()),
        ("trajectory", pa.list_(pa.float32(), 64 * 3)),
        ("model", pa.string()),
        ("model_revision", pa.string()),
    ]
)
CLIP_SCHEMA = SCHEMA.append(pa.field("time_s", pa.float64()))

_WINDOWS = {"clip_id": pa.types.is_string, "chunk": pa.types.is_integer, "t0_us": pa.types.is_int64}
_CLIP_ID = re.compile(r"[0-9A-Za-z-]+")
_UNREADABLE = (OSError, ValueError, pa.ArrowException)

Windows = Mapping[int, Mapping[str, tuple[int, ...]]]
"""By chunk and clip, both sorted: the times t0 [us], rising."""


class LabelError(Exception):
    """Bad input, told in one line: what was got, what was expected, what to do."""


def read_windows(path: Path) -> Windows:
    """Read what is asked for.

    Raises:
        LabelError: the file cannot be read, lacks a column, is empty, repeats a t0, or names a
            clip by what could leave the folder of the results.
    """
    try:
        table = _read(path)
    except _UNREADABLE as error:
        raise LabelError(f"{path} cannot be read ({line_of(error)}): {_EXPORT}") from None
    for name, fits in _WINDOWS.items():
        if name not in table.column_names or not fits(table.schema.field(name).type):
            raise LabelError(f"{path} has no column {name} of the expected type: {_EXPORT}")
        if table[name].null_count:
            raise LabelError(f"{path} has empty cells in {name}: {_EXPORT}")
    asked: dict[int, dict[str, list[int]]] = {}
    order = [(name, "ascending") for name in ("chunk", "clip_id", "t0_us")]
    for row in table.sort_by(order).to_pylist():
        if not _CLIP_ID.fullmatch(row["clip_id"]):
            raise LabelError(f"{path} names a clip {row['clip_id']!r}, expected a UUID: {_EXPORT}")
        times = asked.setdefault(row["chunk"], {}).setdefault(row["clip_id"], [])
        if times[-1:] == [row["t0_us"]]:
            raise LabelError(
                f"{path} asks twice for clip {row['clip_id']} at {row['t0_us']} us: {_EXPORT}"
            )
        times.append(row["t0_us"])
    if not asked:
        raise LabelError(f"{path} asks for nothing: {_EXPORT}")
    return {
        chunk: {clip: tuple(times) for clip, times in clips.items()}
        for chunk, clips in asked.items()
    }


class Texts:
    """The folder of the results."""

    def __init__(self, folder: Path, settings: Mapping[str, Any]) -> None:
        """Open or begin a folder.

        Args:
            folder: shared by all shards.
            settings: what shapes the texts, `model`, `model_revision` and `samples` among it.

        Raises:
            LabelError: the folder holds texts that were made with other settings.
        """
        self._folder, self._settings = folder, settings
        (folder / "clips").mkdir(parents=True, exist_ok=True)
        record, text = folder / "run.json", json.dumps(settings, indent=2, sort_keys=True) + "\n"
        temporary = _beside(record)
        temporary.write_text(text)
        try:
            os.link(temporary, record)  # the first of several shards decides
        except FileExistsError:
            if record.read_text() != text:
                raise LabelError(
                    f"{record} tells other settings than this run has ({' '.join(text.split())}):"
                    " use those, or another --output"
                ) from None
        finally:
            temporary.unlink()

    def is_done(self, clip_id: str, t0_us: Iterable[int]) -> bool:
        """Whether the clip has texts for just these t0; damaged ones do not count."""
        return self._finished(clip_id, t0_us) is not None

    def put(self, clip_id: str, rows: list[dict[str, Any]]) -> None:
        """Keep the texts of a clip: of each row t0_us, sample, cot, trajectory and time_s."""
        constant = {"clip_id": clip_id} | {
            name: self._settings[name] for name in ("model", "model_revision")
        }
        table = pa.Table.from_pylist([constant | row for row in rows], CLIP_SCHEMA)
        _write(table, self._clip(clip_id))
        self._failure(clip_id).unlink(missing_ok=True)

    def fail(self, clip_id: str, reason: str) -> None:
        """Keep why a clip has no texts."""
        self._clip(clip_id).unlink(missing_ok=True)
        with _replacing(self._failure(clip_id)) as temporary:
            temporary.write_text(reason + "\n")

    def merge(self, windows: Windows) -> list[int]:
        """Write the tables of the chunks none of whose clips is open; the other chunks.

        A table that is there from other windows goes when its chunk is open. A chunk without any
        text stays open too: it has nothing to be read.
        """
        still_open = []
        for chunk, clips in windows.items():
            path = self._folder / f"chunk_{chunk:04d}.parquet"
            found = {clip: self._finished(clip, times) for clip, times in clips.items()}
            missing = [clip for clip, table in found.items() if table is None]
            tables = [table for table in found.values() if table is not None]
            if tables and all(self._failure(clip).exists() for clip in missing):
                _write(pa.concat_tables(tables).select(SCHEMA.names), path)
            else:
                path.unlink(missing_ok=True)
                still_open.append(chunk)
        return still_open

    def summarise(self, name: str, figures: Mapping[str, Any]) -> Path:
        """Write the figures of one run as JSON."""
        path = self._folder / name
        with _replacing(path) as temporary:
            temporary.write_text(json.dumps(figures, indent=2, sort_keys=True) + "\n")
        return path

    def _finished(self, clip_id: str, t0_us: Iterable[int]) -> pa.Table | None:
        samples = range(self._settings["samples"])
        wanted = [(clip_id, t0, sample) for t0 in t0_us for sample in samples]
        try:
            table = _read(self._clip(clip_id))
            if not table.schema.equals(CLIP_SCHEMA):
                return None
            columns = (table[name].to_pylist() for name in ("clip_id", "t0_us", "sample"))
            return table if list(zip(*columns, strict=True)) == wanted else None
        except _UNREADABLE:
            return None

    def _clip(self, clip_id: str) -> Path:
        return self._folder / "clips" / f"{clip_id}.parquet"

    def _failure(self, clip_id: str) -> Path:
        return self._folder / "clips" / f"{clip_id}.failed"


def line_of(error: BaseException) -> str:
    """An error in one line."""
    return " ".join(f"{type(error).__name__}: {error}".split())


_EXPORT = "make it again with `avvla labels export`"


def _read(path: Path) -> pa.Table:
    # Without partitioning, or a folder named `a=b` above would become a column.
    return pq.read_table(path, partitioning=None, page_checksum_verification=True)


def _write(table: pa.Table, path: Path) -> None:
    with _replacing(path) as temporary:
        pq.write_table(table, temporary, compression="zstd", write_page_checksum=True)


@contextmanager
def _replacing(path: Path) -> Iterator[Path]:
    temporary = _beside(path)
    try:
        yield temporary
        temporary.replace(path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            temporary.unlink()


def _beside(path: Path) -> Path:
    """A name that no other process uses, on any host that shares the folder."""
    return path.with_name(f".{path.name}.{socket.gethostname()}.{os.getpid()}.tmp")
