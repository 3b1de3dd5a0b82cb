"""data/manifest.json: every file of the raw logs with its size and SHA-256.

The files themselves lie outside the project in a hub cache (`layout.snapshot`). The manifest is
the one fact about them that later stages and DVC depend on: sorted JSON, the same bytes for the
same logs, without a path of the machine.
"""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator
from tqdm import tqdm

from avvla.errors import UserError
from avvla.files import hash_file, replacing
from avvla.physical_ai import layout
from avvla.record import Record, read_record

REMAKE = "make it again with `dvc repro download`"
FETCH = "get the files with `avvla data fetch`"


class File(Record):
    """One file of a snapshot; `chunk` is null for metadata."""

    path: str
    feature: Annotated[str, Field(min_length=1)]
    chunk: Annotated[int, Field(ge=0)] | None
    bytes: Annotated[int, Field(ge=0)]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]

    @model_validator(mode="after")
    def _stays_inside(self) -> Self:
        parts = self.path.split("/")
        if not self.path.isprintable() or "\\" in self.path or {"", ".", ".."} & set(parts):
            raise ValueError(f"path {self.path!r} must be relative and stay inside the snapshot")
        return self


class Reading(Record):
    """How logs are read whose files hold more than is used, and tell less than is needed."""

    drives: dict[str, Annotated[int, Field(ge=0)]]
    """The drives that are used, each a chunk: id and number."""
    policies: tuple[str, ...]
    """Whose driving is used, in the data set's words."""
    hfov_deg: Annotated[float, Field(gt=0, lt=360)]
    """The camera's field of view over its width, which is assumed [degree]."""

    @model_validator(mode="after")
    def _one_number_each(self) -> Self:
        if len(set(self.drives.values())) != len(self.drives):
            raise ValueError("two drives have the same number")
        return self


class Manifest(Record):
    """The raw logs of one run of the pipeline: a revision of a data set and its files, by path.

    `clips` are those that count, sorted; null: all of the chunks.
    """

    source: Literal["synthetic", "nvidia", "l2d", "hdf5"]
    repo_id: Annotated[str, Field(pattern=r"^[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*$")]
    revision: Annotated[str, Field(pattern=r"^[0-9a-f]{40}$")]
    camera: Annotated[str, Field(pattern=r"^(camera_|observation\.images\.)\w+$")] | None
    """Feature of the camera; null where files hold all their cameras."""
    files: tuple[File, ...]
    clips: tuple[str, ...] | None = None
    reading: Reading | None = None

    @model_validator(mode="after")
    def _sorted_without_duplicates(self) -> Self:
        paths = [file.path for file in self.files]
        for earlier, later in itertools.pairwise(paths):
            if earlier == later:
                raise ValueError(f"path {later!r} is listed twice")
            if earlier > later:
                raise ValueError(f"path {later!r} comes after {earlier!r}, expected sorted paths")
        return self

    @property
    def chunks(self) -> tuple[int, ...]:
        """Numbers of the chunks, sorted."""
        if self.reading is not None:
            return tuple(sorted(self.reading.drives.values()))
        return tuple(sorted({file.chunk for file in self.files if file.chunk is not None}))

    def of_chunk(self, chunk: int) -> tuple[File, ...]:
        """Files of one chunk, by path.

        Raises:
            UserError: the manifest has no such chunk.
        """
        files = tuple(file for file in self.files if file.chunk == chunk)
        if not files:
            raise UserError(f"the manifest has no chunk {chunk}; it has {list(self.chunks)}")
        return files


def describe(snapshot: Path, paths: Iterable[str]) -> tuple[File, ...]:
    """Entries of a manifest for `paths` inside a snapshot, sorted; reads every file."""
    files = []
    for path in sorted(paths):
        feature, chunk = layout.parse(path)
        on_disk = snapshot / path
        files.append(
            File(
                path=path,
                feature=feature,
                chunk=chunk,
                bytes=on_disk.stat().st_size,
                sha256=hash_file(on_disk),
            )
        )
    return tuple(files)


def content_revision(files: Iterable[File]) -> str:
    """A revision for files that no hub gave one to, made from their paths and hashes."""
    content = json.dumps([(file.path, file.sha256) for file in files])
    return hashlib.sha256(content.encode()).hexdigest()[:40]


def save(manifest: Manifest, path: Path) -> None:
    """Write a manifest as sorted, indented JSON."""
    text = json.dumps(manifest.model_dump(exclude_defaults=True), indent=2, sort_keys=True)
    with replacing(path) as temporary:
        temporary.write_text(text + "\n")


def load(path: Path) -> Manifest:
    """Read a manifest.

    Raises:
        UserError: the file is missing, is no JSON, or breaks a rule of `Manifest` or `File`.
    """
    return read_record(Manifest, path, REMAKE)


def root(manifest: Manifest, data_root: Path) -> Path:
    """Folder of the manifest's snapshot in the hub cache at `data_root`."""
    return layout.snapshot(data_root, manifest.repo_id, manifest.revision)


def size_problem(file: File, snapshot: Path) -> str | None:
    """What is wrong with the presence or the size of one file, or None; reads no content."""
    try:
        size = (snapshot / file.path).stat().st_size
    except OSError:
        return f"{file.path} is missing from {snapshot}: expected {file.bytes} bytes"
    if size != file.bytes:
        return f"{file.path} in {snapshot} has {size} bytes, expected {file.bytes}"
    return None


def verify(manifest: Manifest, data_root: Path) -> list[str]:
    """Compare a manifest with the files on disk: one sentence per missing or different file."""
    return list(_problems(manifest, data_root).values())


def discard(manifest: Manifest, data_root: Path) -> list[str]:
    """Remove files that are not as the manifest says; a sentence for each.

    A file outside `data_root`, which a snapshot may link to, loses the link only.
    """
    told = []
    for file, problem in _problems(manifest, data_root).items():
        path = root(manifest, data_root) / file.path
        target = path.resolve()
        if target.exists():
            told.append(problem)
            if target.is_relative_to(data_root.resolve()):
                target.unlink()
        path.unlink(missing_ok=True)
    return told


def _problems(manifest: Manifest, data_root: Path) -> dict[File, str]:
    """What is wrong with the files that are; reads every byte."""
    snapshot = root(manifest, data_root)
    problems = {}
    for file in tqdm(manifest.files, "verify", unit="file", disable=None):
        problem = size_problem(file, snapshot)
        if problem is None and (got := hash_file(snapshot / file.path)) != file.sha256:
            problem = f"{file.path} in {snapshot} has SHA-256 {got}, expected {file.sha256}"
        if problem is not None:
            problems[file] = problem
    return problems
