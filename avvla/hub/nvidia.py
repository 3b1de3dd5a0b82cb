"""NVIDIA's data set in the hub cache: which files the parameters ask for, from where they come.

Always: features.csv, clip_index.parquet, metadata/*, splits/default.parquet and
reasoning/ood_reasoning.parquet where the data set has them. Of each chunk with a chosen clip: the
camera, egomotion and calibration, and the features of `dataset.nvidia.features`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

import pandas as pd

from avvla.cluster.store import Store
from avvla.config import Nvidia, Params
from avvla.errors import UserError
from avvla.hub.client import Hub
from avvla.hub.remote import Remote
from avvla.hub.selection import Selection, read_clips, select
from avvla.hub.tree import Tree
from avvla.physical_ai import layout
from avvla.physical_ai.manifest import File, Manifest


class Origin(Protocol):
    """Where the files come from: the hub or a plain folder."""

    def folder(self, folder: str) -> tuple[str, ...]:
        """Paths of the files that lie directly in a folder of the data set."""

    def bring(self, paths: Sequence[str]) -> tuple[File, ...]:
        """Have files in the snapshot."""

    def bring_chunks(self, paths: Mapping[int, Sequence[str]], workers: int) -> tuple[File, ...]:
        """Have the files of chunks in the snapshot."""


def fetch(
    params: Params,
    data_root: Path,
    work: Path,
    workers: int,
    *,
    tree: Path | None,
    quota_bytes: int | None,
) -> Manifest:
    """Bring the files of `params.dataset.nvidia` into the hub cache at `data_root`.

    Args:
        params: the parameters.
        data_root: the hub cache.
        work: what had to be fetched is told there.
        workers: files at a time.
        tree: a plain folder with the data set, None for the hub.
        quota_bytes: what `data_root` may hold, None for no limit.

    Raises:
        UserError: no commit is pinned, the hub refuses or fails, no clip is chosen, there is no
            room, or files are missing.
    """
    wanted, camera = params.dataset.nvidia, params.dataset.camera
    hub = Hub.pinned(wanted.repo_id, wanted.revision, "dataset.nvidia")
    snapshot = layout.snapshot(data_root, hub.repo_id, hub.revision)
    origin: Origin
    if tree is None:
        origin = Remote(hub, data_root, work, quota_bytes, layout.parse)
    else:
        origin = Tree(tree, snapshot, Store.of_stage(work, "download"))
    metadata = origin.bring(_metadata_paths(origin, wanted))
    selection = select(read_clips(snapshot, [file.path for file in metadata]), wanted, camera)
    paths = _chunk_paths(origin, snapshot, selection, wanted, camera)
    files = (*metadata, *origin.bring_chunks(paths, workers))
    return Manifest(
        source="nvidia",
        repo_id=hub.repo_id,
        revision=hub.revision,
        camera=camera,
        files=tuple(sorted(files, key=lambda file: file.path)),
        clips=selection.clips,
    )


def _metadata_paths(origin: Origin, wanted: Nvidia) -> list[str]:
    """The files that every selection has, sorted."""
    top = origin.folder("")
    for path in (layout.FEATURES_CSV, layout.CLIP_INDEX):
        if path not in top:
            raise UserError(
                f"{wanted.repo_id} has no {path} at {wanted.revision}: expected NVIDIA's layout"
            )
    paths = [layout.FEATURES_CSV, layout.CLIP_INDEX, *origin.folder(layout.METADATA)]
    for path in (layout.SPLITS, layout.REASONING):
        if path in origin.folder(path.rpartition("/")[0]):
            paths.append(path)
    return sorted(paths)


def _chunk_paths(
    origin: Origin, snapshot: Path, selection: Selection, wanted: Nvidia, camera: str
) -> dict[int, list[str]]:
    """By chosen chunk, the files to have, sorted."""
    templates = _templates(snapshot)
    always = layout.features(camera)
    for feature in (*always, *wanted.features):
        if feature not in templates:
            raise UserError(
                f"{layout.FEATURES_CSV} has no {feature}, only {', '.join(sorted(templates))}:"
                " change dataset.camera or dataset.nvidia.features"
            )
    folders = {templates[feature].rpartition("/")[0] for feature in (*always, *wanted.features)}
    there = {path for folder in folders for path in origin.folder(folder)}
    paths: dict[int, list[str]] = {}
    for chunk in selection.chunks:
        needed = {templates[feature].format(chunk_id=chunk) for feature in always}
        if absent := sorted(needed - there):
            raise UserError(
                f"chunk {chunk:04d}: {absent[0]} is not in {wanted.repo_id} at {wanted.revision}:"
                " leave the chunk out, or take another revision"
            )
        # A chunk without a clip of a further feature has no file of it.
        further = {templates[feature].format(chunk_id=chunk) for feature in wanted.features}
        paths[chunk] = sorted(needed | (further & there))
    return paths


def _templates(snapshot: Path) -> dict[str, str]:
    """By feature, the path of its chunk files with `{chunk_id}`."""
    try:
        table = pd.read_csv(snapshot / layout.FEATURES_CSV, index_col="feature")
        templates = {str(name): str(path) for name, path in table["chunk_path"].items()}
        _require_chunks(template.format(chunk_id=0) for template in templates.values())
    except (OSError, ValueError, LookupError) as error:
        line = " ".join(str(error).split())
        raise UserError(
            f"{layout.FEATURES_CSV} cannot be read ({line}): check the files with"
            " `avvla data verify`"
        ) from None
    return templates


def _require_chunks(paths: Iterable[str]) -> None:
    for path in paths:
        if layout.parse(path)[1] is None:
            raise ValueError(f"{path!r} is no name of a chunk's file")
