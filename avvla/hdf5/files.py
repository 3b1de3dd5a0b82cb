"""The episode files of a manifest: which chunk they belong to, and opening them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any, Final

from avvla.errors import UserError
from avvla.hdf5.episode import Episode
from avvla.physical_ai import manifest
from avvla.physical_ai.manifest import Manifest

SOURCE: Final = "hdf5"
"""What a manifest calls where they come from."""
SUFFIX = ".h5"
REMAKE = "import the episodes again with `dvc repro --force download`"


def holds_episodes(listing: Manifest) -> bool:
    """Whether raw logs are episodes of a robot arm, not drives."""
    return listing.source == SOURCE


def clip_id_of(path: str) -> str:
    """What tables and data sets call the episode of a file: its path without the suffix."""
    return PurePosixPath(path).with_suffix("").as_posix()


def open_chunk(listing: Manifest, data_root: Path, chunk: int) -> Iterator[tuple[str, Episode]]:
    """The clip ids and the open episodes of a chunk, by path; only one is open at a time.

    Raises:
        UserError: a file is missing, has another size than in the manifest, or is no episode.
    """
    snapshot = manifest.root(listing, data_root)
    for file in listing.of_chunk(chunk):
        problem = manifest.size_problem(file, snapshot)
        if problem is not None:
            raise UserError(f"{problem}: {REMAKE}")
        with Episode.open(snapshot / file.path, file.path) as episode:
            yield clip_id_of(file.path), episode


def facts(listing: Manifest, chunk: int) -> dict[str, Any]:
    """What a result made of a chunk depends on: its files' paths and SHA-256."""
    return {"files": [[file.path, file.sha256] for file in listing.of_chunk(chunk)]}
