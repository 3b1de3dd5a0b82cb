"""Importing a folder of HDF5 episodes: every file looked at, hashed and listed.

The files stay where they are. A snapshot in the cache links to them as the hub's links to blobs,
and its revision names their content, so later stages need no folder but the cache:

    <cache>/datasets--avvla--hdf5/snapshots/<revision>/<path below the folder> -> the file
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from itertools import batched
from pathlib import Path

from pydantic import TypeAdapter
from tqdm import tqdm

from avvla.cluster.store import Step, Store
from avvla.config import Hdf5
from avvla.errors import UserError
from avvla.files import hash_file
from avvla.hdf5.chunk import inspect_chunk
from avvla.hdf5.files import SOURCE, SUFFIX
from avvla.hdf5.findings import Finding, alike, require_usable
from avvla.physical_ai import manifest
from avvla.physical_ai.manifest import File, Manifest

REPO = "avvla/hdf5"
FEATURE = "episode"
_FINDINGS = TypeAdapter(list[Finding])


@dataclass(frozen=True)
class Survey:
    """A folder of episodes: its files with their chunks, and what was found in each, by path."""

    folder: Path
    files: tuple[File, ...]
    findings: tuple[Finding, ...]


def survey(folder: Path, hdf5: Hdf5, work: Path, workers: int) -> Survey:
    """Look at every frame of every episode below `folder`; what was found is kept in `work`.

    Args:
        folder: holds the files, in folders of any depth.
        hdf5: the parameters `dataset.hdf5`.
        work: folder of kept results.
        workers: processes at a time.

    Raises:
        UserError: there is no episode, or a name that a manifest cannot hold.
    """
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob(f"*{SUFFIX}"))
    if not names:
        raise UserError(f"{folder} holds no file *{SUFFIX}: name the folder of the episodes")
    size = hdf5.episodes_per_chunk
    files = tuple(
        _file(folder, name, place // size)
        for place, name in enumerate(tqdm(names, "hash", unit="file", disable=None))
    )
    chunks = dict(enumerate(batched(files, size)))
    members = {chunk: tuple(file.path for file in part) for chunk, part in chunks.items()}
    hashes = {chunk: [(file.path, file.sha256) for file in part] for chunk, part in chunks.items()}
    step = Step(
        inspect_chunk, {"hdf5": shaping(hdf5)}, {"folder": folder, "members": members}, ".json"
    )
    kept = Store.of_stage(work, "download").results(step, hashes, workers, "inspect")
    findings = [
        finding for path in kept.values() for finding in _FINDINGS.validate_json(path.read_bytes())
    ]
    return Survey(folder, files, tuple(alike(findings)))


def link(found: Survey, hdf5: Hdf5, data_root: Path) -> Manifest:
    """Make the snapshot of a survey in the cache at `data_root`; it appears whole.

    Raises:
        UserError: files cannot be used, or too many frames; or the cache cannot be written.
    """
    require_usable(found.findings, hdf5.max_faulty)
    listing = Manifest(
        source=SOURCE,
        repo_id=REPO,
        revision=manifest.content_revision(found.files),
        camera=None,
        files=found.files,
    )
    target = manifest.root(listing, data_root)
    with Store(target.parent, target.parent, "AVVLA_DATA").writing():
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".", dir=target.parent) as scratch:
            fresh = Path(scratch) / "snapshot"
            for file in found.files:
                (fresh / file.path).parent.mkdir(parents=True, exist_ok=True)
                (fresh / file.path).symlink_to((found.folder / file.path).resolve())
            if target.exists():  # the same content, perhaps from a folder that has moved
                target.rename(Path(scratch) / "old")
            fresh.rename(target)
    return listing


def shaping(hdf5: Hdf5) -> Hdf5:
    """The parameters that shape what is made of a chunk, all others at fixed values."""
    return hdf5.model_copy(update={"max_faulty": 1.0, "episodes_per_chunk": 1})


def _file(folder: Path, name: str, chunk: int) -> File:
    path = folder / name
    try:
        size, sha256 = path.stat().st_size, hash_file(path)
    except OSError as error:
        raise UserError(f"{name} cannot be read ({error.strerror}): move it away") from None
    try:
        return File(path=name, feature=FEATURE, chunk=chunk, bytes=size, sha256=sha256)
    except ValueError:
        raise UserError(
            f"the file name {name!r} has characters that a manifest cannot hold: rename it"
        ) from None
