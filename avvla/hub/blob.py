"""One file of the hub in the hub's cache: its bytes checked, its name given last.

    <repository>/blobs/<oid>.incomplete          what has arrived; a later run goes on there
    <repository>/blobs/<oid>                     all of it, with the hash that the hub lists
    <repository>/snapshots/<commit>/<path>       a link to the blob

The cache of huggingface_hub has the same blobs and links, so either finds what the other fetched.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from functools import partial
from pathlib import Path
from typing import BinaryIO, NoReturn

from tqdm import tqdm

from avvla.errors import UserError
from avvla.files import replacing
from avvla.hub.client import TRIES, Entry, Hub, PassingError, gave_up, wait

_TRANSFERS = 2  # of a file whose bytes have the wrong hash: a part from before may have been bad


def present(entry: Entry, snapshot: Path) -> bool:
    """Whether a file is there in its size; what is under its name had its hash when it came."""
    return _has_size(snapshot / entry.path, entry.bytes)


def missing_bytes(entry: Entry, snapshot: Path) -> int:
    """Bytes that are still to come."""
    if present(entry, snapshot) or _has_size(_blob(entry, snapshot), entry.bytes):
        return 0
    part = _part(entry, snapshot)
    return max(0, entry.bytes - part.stat().st_size) if part.exists() else entry.bytes


def bring(hub: Hub, entry: Entry, snapshot: Path) -> None:
    """Have a file in the snapshot, whole or not at all.

    Raises:
        UserError: the hub does not give it, or gives other bytes than it lists.
        OSError: it cannot be written.
    """
    if present(entry, snapshot):
        return
    blob, link = _blob(entry, snapshot), snapshot / entry.path
    if not _has_size(blob, entry.bytes):
        blob.unlink(missing_ok=True)
        blob.parent.mkdir(parents=True, exist_ok=True)
        _fetch(hub, entry, _part(entry, snapshot), blob)
    with replacing(link) as temporary:
        temporary.symlink_to(os.path.relpath(blob, link.parent))


def _fetch(hub: Hub, entry: Entry, part: Path, blob: Path) -> None:
    with part.open("a+b") as file:
        # Another process may be at the same file: its bytes are waited for. The system unlocks
        # what a killed process had locked.
        fcntl.flock(file, fcntl.LOCK_EX)
        if blob.exists():
            return
        if os.fstat(file.fileno()).st_size > entry.bytes:
            file.truncate(0)
        for _ in range(_TRANSFERS):
            _receive(hub, entry, file)
            file.seek(0)
            got = hashlib.file_digest(file, partial(_hasher, entry)).hexdigest()
            if got == entry.oid:
                os.fsync(file.fileno())  # of all bytes: to seek has written the buffered ones
                part.replace(blob)
                return
            file.truncate(0)
    raise UserError(
        f"{entry.path} arrives with the hash {got}, {hub.repo_id} lists {entry.oid}: something on"
        " the way changes it; run again, through another network or proxy"
    )


def _receive(hub: Hub, entry: Entry, file: BinaryIO) -> None:
    """Append what is missing, in as many requests as it takes."""
    size, tries = file.seek(0, os.SEEK_END), 0
    with tqdm(
        desc=entry.path.rpartition("/")[2],
        total=entry.bytes,
        initial=size,
        unit="B",
        unit_scale=True,
        leave=False,
        disable=None,
    ) as bar:
        while size < entry.bytes:
            try:
                _append(hub, entry, file, bar)
            except PassingError as fault:
                tries = 0 if file.seek(0, os.SEEK_END) > size else tries + 1
                if tries == TRIES:
                    raise gave_up(fault) from None
                wait(fault, max(tries - 1, 0))
            size = file.seek(0, os.SEEK_END)


def _append(hub: Hub, entry: Entry, file: BinaryIO, bar: tqdm[NoReturn]) -> None:
    """Append what one request gives.

    Raises:
        PassingError: it ends before the file does.
        UserError: the hub refuses, or gives more than it lists.
    """
    at = file.seek(0, os.SEEK_END)
    with hub.body(entry.path, at) as (first, pieces):
        if first != at:  # the server knows no ranges
            file.truncate(0)
            bar.reset()
            at = 0
        for piece in pieces:
            at += len(piece)
            if at > entry.bytes:
                raise UserError(
                    f"{entry.path} is longer than the {entry.bytes} bytes that {hub.repo_id} lists:"
                    " check HF_ENDPOINT"
                )
            file.write(piece)
            bar.update(len(piece))
    if at < entry.bytes:
        raise PassingError(f"{entry.path}: {at} of {entry.bytes} bytes arrive")


def _hasher(entry: Entry) -> hashlib._Hash:
    """The hash of a file's bytes in the form of `Entry.oid`, before the first of them."""
    if len(entry.oid) == 64:
        return hashlib.sha256()
    return hashlib.sha1(f"blob {entry.bytes}\0".encode(), usedforsecurity=False)


def _has_size(path: Path, size: int) -> bool:
    try:
        return path.stat().st_size == size
    except OSError:
        return False


def _blob(entry: Entry, snapshot: Path) -> Path:
    return snapshot.parents[1] / "blobs" / entry.oid


def _part(entry: Entry, snapshot: Path) -> Path:
    return _blob(entry, snapshot).with_name(f"{entry.oid}.incomplete")
