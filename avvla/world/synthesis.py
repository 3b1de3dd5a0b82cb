"""The source `synthetic` in the hub cache, recorded in the embedded world chunk by chunk.

A chunk is kept by what made it.
A snapshot links to its chunks as the hub's links to blobs, and its revision names its content:

    <cache>/datasets--avvla--synthetic/chunks/chunk_0000_<hash>/
    <cache>/datasets--avvla--synthetic/snapshots/<revision>/
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from pydantic import ValidationError

from avvla.cluster.store import LAST_RUN, Step, Store, free_bytes
from avvla.config import Params, Synthetic
from avvla.errors import UserError
from avvla.physical_ai import layout, manifest
from avvla.physical_ai.manifest import File, Manifest
from avvla.physical_ai.writer import ClipRow, hub_snapshot, write_metadata
from avvla.world.chunk import RECEIPT, Receipt, record_chunk
from avvla.world.recording import FUTURE_S, LEAD_S

# Smallest sizes seen: 0.1 byte a pixel in the video, 40 bytes a row of egomotion at 100 Hz.
_PIXEL_BYTES = 0.1
_EGOMOTION_BYTES_PER_S = 4000


def fetch(params: Params, data_root: Path, work: Path, workers: int) -> Manifest:
    """Have the recordings of `params.dataset.synthetic` in the hub cache at `data_root`.

    Chunks that are complete stay as they are; the result does not depend on `workers`. What had
    to be recorded is told in `work`.

    Raises:
        UserError: `data_root` is full or cannot be written.
    """
    kept = layout.kept_chunks(data_root, layout.SYNTHETIC_REPO)
    # Manifests of older checkouts link to chunks, so age is no reason to remove one.
    store = Store(kept, work / "download" / LAST_RUN, "AVVLA_DATA", keep_days=float("inf"))
    chunks = _record(params, store, workers)
    with store.writing():
        return _snapshot(chunks, params.dataset.camera, data_root)


def _record(params: Params, store: Store, workers: int) -> dict[int, Path]:
    """The folders of all chunks; one whose files have not the sizes of its receipt is made anew."""
    synthetic = params.dataset.synthetic
    size, clips = synthetic.clips_per_chunk, synthetic.clips
    members = {
        chunk: (first, min(first + size, clips))
        for chunk, first in enumerate(range(0, clips, size))
    }
    settings = {
        # A chunk does not change when others come.
        "synthetic": synthetic.model_copy(update={"clips": 1, "clips_per_chunk": 1}),
        "seed": params.seed,
        "camera": params.dataset.camera,
    }
    step = Step(record_chunk, settings, {"members": members})
    missing = []
    for chunk, part in members.items():
        path = store.path(step, chunk, part)
        if path.exists() and _receipt(path) is None:
            store.discard(path)
        if not path.exists():
            missing.append(chunk)
    _require_space(store.folder, synthetic, sum(members[i][1] - members[i][0] for i in missing))
    return store.results(step, members, workers, "record")


def _receipt(chunk: Path) -> Receipt | None:
    """The receipt of a chunk whose files are there in the sizes that it says, else None."""
    try:
        receipt = Receipt.model_validate_json((chunk / RECEIPT).read_bytes())
    except (FileNotFoundError, ValidationError):
        return None
    return None if _damaged(receipt.files, chunk) else receipt


def _snapshot(chunks: Mapping[int, Path], camera: str, data_root: Path) -> Manifest:
    """Join chunks to a snapshot, which appears whole."""
    parent = layout.snapshot(data_root, layout.SYNTHETIC_REPO, "any").parent
    parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".", dir=parent, ignore_cleanup_errors=True) as scratch:
        folder = Path(scratch) / "snapshot"
        files: list[File] = []
        rows: list[ClipRow] = []
        present = layout.features(camera)
        for chunk, path in chunks.items():
            receipt = _receipt(path)
            assert receipt is not None
            files += receipt.files
            rows += [ClipRow(clip.clip_id, chunk, present, clip.events) for clip in receipt.clips]
        files += manifest.describe(folder, write_metadata(folder, rows, camera))
        listing = _manifest(files, camera)
        target = manifest.root(listing, data_root)
        for chunk, path in chunks.items():
            for file in listing.of_chunk(chunk):
                link, place = folder / file.path, target / file.path
                link.parent.mkdir(parents=True, exist_ok=True)
                link.symlink_to(os.path.relpath(path / file.path, place.parent))
        if _damaged(listing.files, target):
            if target.exists():
                target.rename(Path(scratch) / "damaged")
            folder.rename(target)
    hub_snapshot(data_root, layout.SYNTHETIC_REPO, listing.revision)
    return listing


def _manifest(files: Iterable[File], camera: str) -> Manifest:
    """The manifest of files, its revision made from their paths and hashes."""
    by_path = tuple(sorted(files, key=lambda file: file.path))
    return Manifest(
        source="synthetic",
        repo_id=layout.SYNTHETIC_REPO,
        revision=manifest.content_revision(by_path),
        camera=camera,
        files=by_path,
    )


def _damaged(files: Iterable[File], folder: Path) -> bool:
    return any(manifest.size_problem(file, folder) for file in files)


def _require_space(folder: Path, synthetic: Synthetic, clips: int) -> None:
    """Refuse to begin where not even the smallest likely size fits."""
    pixels = synthetic.video_s * synthetic.camera_fps * synthetic.camera_width
    pixels *= synthetic.camera_height
    egomotion_s = LEAD_S + synthetic.video_s + FUTURE_S
    clip_bytes = pixels * _PIXEL_BYTES + egomotion_s * _EGOMOTION_BYTES_PER_S
    needed, free = round(clips * clip_bytes), free_bytes(folder)
    if needed > free:
        raise UserError(
            f"{folder} has {free} bytes free, {clips} clips need about {needed}:"
            " make room, or set AVVLA_DATA to a folder with more"
        )
