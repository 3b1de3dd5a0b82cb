"""The hashes of one chunk's files in a plain folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from avvla.physical_ai import manifest
from avvla.physical_ai.manifest import File
from avvla.record import Record


class Described(Record):
    """The files of a chunk."""

    files: tuple[File, ...]


def describe_chunk(
    chunk: int, path: Path, *, root: Path, paths: Mapping[int, Sequence[str]]
) -> None:
    """Write what the files of a chunk are at `path`.

    Args:
        chunk: number of the chunk.
        path: file to write.
        root: folder of the data set.
        paths: by chunk, its files from `root`.
    """
    path.write_text(Described(files=manifest.describe(root, paths[chunk])).model_dump_json())
