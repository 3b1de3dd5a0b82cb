"""The raw logs of a source in the hub cache: what the download stage brings there.

The source `synthetic` is recorded in the embedded world. Its revision names the parameters and the
code that determine the bytes, so a changed world is a new snapshot. Chunks are made one by one; a
receipt, written last, says that one is complete:

    <cache>/datasets--avvla--synthetic/receipts/<revision>/chunk_0000.json
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from avvla.cluster.chunk_map import map_chunks
from avvla.cluster.fingerprint import source_digest
from avvla.config import Params, Synthetic
from avvla.errors import UserError
from avvla.files import replacing
from avvla.physical_ai import layout, manifest
from avvla.physical_ai.camera import front_camera_extrinsics
from avvla.physical_ai.manifest import File, Manifest
from avvla.physical_ai.writer import ClipRow, hub_snapshot, write_chunk, write_metadata
from avvla.world.recording import FUTURE_S, LEAD_S, record, synthetic_camera

RECORDING_SOURCES = (
    "world/*.py",
    "actions/unicycle.py",
    "physical_ai/camera.py",
    "physical_ai/layout.py",
    "physical_ai/video.py",
    "physical_ai/writer.py",
)
# Smallest sizes seen: 0.1 byte a pixel in the video, 40 bytes a row of egomotion at 100 Hz.
_PIXEL_BYTES = 0.1
_EGOMOTION_BYTES_PER_S = 4000


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class RecordedClip(_Record):
    """A clip's id and its events (time [us], text)."""

    clip_id: str
    events: tuple[tuple[int, str], ...]


class Receipt(_Record):
    """A complete chunk: its files and its clips."""

    files: tuple[File, ...]
    clips: tuple[RecordedClip, ...]


def fetch(params: Params, data_root: Path, workers: int) -> Manifest:
    """Bring the raw logs of `params.dataset` into the hub cache at `data_root`.

    Chunks that are complete stay as they are; the result does not depend on `workers`.

    Raises:
        UserError: the source is not available in this version, or `data_root` is full or cannot
            be written.
    """
    if params.dataset.source != "synthetic":
        raise UserError(
            f"dataset.source is {params.dataset.source!r}, which this version cannot fetch yet:"
            " set dataset.source to synthetic"
        )
    with _writing(data_root):
        return _synthesise(params, data_root, workers)


def synthetic_revision(params: Params) -> str:
    """40 hexadecimal digits that name what a synthetic data set depends on."""
    facts = {
        "camera": params.dataset.camera,
        "code": source_digest(*RECORDING_SOURCES),
        "seed": params.seed,
        "synthetic": params.dataset.synthetic.model_dump(),
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:40]


def _synthesise(params: Params, data_root: Path, workers: int) -> Manifest:
    synthetic, camera = params.dataset.synthetic, params.dataset.camera
    revision = synthetic_revision(params)
    chunks = range(-(-synthetic.clips // synthetic.clips_per_chunk))
    snapshot = layout.snapshot(data_root, layout.SYNTHETIC_REPO, revision)
    receipts = snapshot.parent.parent / "receipts" / revision
    missing = [chunk for chunk in chunks if _valid_receipt(receipts, snapshot, chunk) is None]
    _require_space(data_root, synthetic, len(missing))
    hub_snapshot(data_root, layout.SYNTHETIC_REPO, revision)
    map_chunks(partial(_record_chunk, params, data_root, receipts), missing, workers, "record")
    files: list[File] = []
    rows: list[ClipRow] = []
    for chunk in chunks:
        receipt = _valid_receipt(receipts, snapshot, chunk)
        assert receipt is not None
        files += receipt.files
        present = layout.features(camera)
        rows += [ClipRow(clip.clip_id, chunk, present, clip.events) for clip in receipt.clips]
    files += manifest.describe(snapshot, write_metadata(snapshot, rows, camera))
    return Manifest(
        source="synthetic",
        repo_id=layout.SYNTHETIC_REPO,
        revision=revision,
        camera=camera,
        files=tuple(sorted(files, key=lambda file: file.path)),
    )


def _record_chunk(params: Params, data_root: Path, receipts: Path, chunk: int) -> None:
    """Record one chunk and write its receipt last."""
    synthetic, camera = params.dataset.synthetic, params.dataset.camera
    snapshot = layout.snapshot(data_root, layout.SYNTHETIC_REPO, receipts.name)
    first = chunk * synthetic.clips_per_chunk
    indices = range(first, min(first + synthetic.clips_per_chunk, synthetic.clips))
    clips = [record(synthetic, params.seed, index) for index in indices]
    with _writing(data_root):
        paths = write_chunk(
            snapshot, chunk, clips, synthetic_camera(synthetic), front_camera_extrinsics(), camera
        )
        receipt = Receipt(
            files=manifest.describe(snapshot, paths),
            clips=tuple(RecordedClip(clip_id=clip.clip_id, events=clip.events) for clip in clips),
        )
        with replacing(_receipt_path(receipts, chunk)) as temporary:
            temporary.write_text(receipt.model_dump_json())


def _valid_receipt(receipts: Path, snapshot: Path, chunk: int) -> Receipt | None:
    """The receipt of a chunk whose files are there in the sizes that it says, else None."""
    try:
        receipt = Receipt.model_validate_json(_receipt_path(receipts, chunk).read_bytes())
    except (FileNotFoundError, ValidationError):
        return None
    if any(manifest.size_problem(file, snapshot) for file in receipt.files):
        return None
    return receipt


def _receipt_path(receipts: Path, chunk: int) -> Path:
    return receipts / f"chunk_{chunk:04d}.json"


def _require_space(data_root: Path, synthetic: Synthetic, chunks: int) -> None:
    """Refuse to begin where not even the smallest likely size fits."""
    pixels = synthetic.video_s * synthetic.camera_fps * synthetic.camera_width
    pixels *= synthetic.camera_height
    egomotion_s = LEAD_S + synthetic.video_s + FUTURE_S
    clip_bytes = pixels * _PIXEL_BYTES + egomotion_s * _EGOMOTION_BYTES_PER_S
    clips = min(chunks * synthetic.clips_per_chunk, synthetic.clips)
    needed, free = round(clips * clip_bytes), _free_bytes(data_root)
    if needed > free:
        raise UserError(
            f"{data_root} has {free} bytes free, {clips} clips need about {needed}:"
            " make room, or set AVVLA_DATA to a folder with more"
        )


@contextmanager
def _writing(data_root: Path) -> Iterator[None]:
    """Tell what the system refuses below `data_root` as a UserError."""
    try:
        yield
    except OSError as error:
        free_gb = _free_bytes(data_root) / 1e9
        raise UserError(
            f"{data_root} cannot be written ({error.strerror}, {free_gb:.1f} GB free): make room,"
            " or set AVVLA_DATA to another folder"
        ) from error


def _free_bytes(folder: Path) -> int:
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    return shutil.disk_usage(existing).free
