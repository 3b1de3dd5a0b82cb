"""Files that are there whole or not at all, their hashes, and the names of tables by chunk."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from avvla.errors import UserError


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary path beside `path` that takes its name when the block ends without an error.

    Raises:
        UserError: `path` is a folder, a device or a pipe: root would put a file in its place.
    """
    if path.is_dir() and not path.is_symlink():
        raise UserError(f"{path} is a folder, expected the name of a file to write")
    # Names in /dev may be links to what a shell has made of them, a file among others.
    if path.parent == Path("/dev") or (path.exists() and not (path.is_file() or path.is_dir())):
        raise UserError(f"{path} is no file, expected the name of one to write")
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def chunk_file(chunk: int) -> str:
    """Name of a chunk's table in the output of a stage."""
    return f"chunk_{chunk:04d}.parquet"


def hash_file(path: Path) -> str:
    """SHA-256 of a file's content as 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
