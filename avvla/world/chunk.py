"""One chunk of recorded drives: its files in NVIDIA's layout and a receipt of what they are.

<chunk>/receipt.json, camera/..., labels/..., calibration/...
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from avvla.physical_ai import manifest
from avvla.physical_ai.camera import front_camera_extrinsics
from avvla.physical_ai.manifest import File
from avvla.physical_ai.writer import write_chunk
from avvla.record import Record
from avvla.world.recording import record, synthetic_camera

if TYPE_CHECKING:
    from avvla.config import Synthetic

RECEIPT = "receipt.json"


class RecordedClip(Record):
    """A clip's id and its events (time [us], text)."""

    clip_id: str
    events: tuple[tuple[int, str], ...]


class Receipt(Record):
    """The files and the clips of a chunk."""

    files: tuple[File, ...]
    clips: tuple[RecordedClip, ...]


def record_chunk(
    chunk: int,
    path: Path,
    *,
    synthetic: Synthetic,
    seed: int,
    camera: str,
    members: Mapping[int, tuple[int, int]],
) -> None:
    """Record a chunk in the folder `path`.

    Args:
        chunk: number of the chunk.
        path: the folder, which does not exist.
        synthetic: the parameters `dataset.synthetic`; how many clips there are is not read.
        seed: of the data set.
        camera: feature of the camera.
        members: by chunk, the number of its first clip and that after its last.

    Raises:
        UserError: the parameters make no clip that can be written.
    """
    clips = [record(synthetic, seed, index) for index in range(*members[chunk])]
    path.mkdir()
    extrinsics = front_camera_extrinsics()
    paths = write_chunk(path, chunk, clips, synthetic_camera(synthetic), extrinsics, camera)
    receipt = Receipt(
        files=manifest.describe(path, paths),
        clips=tuple(RecordedClip(clip_id=clip.clip_id, events=clip.events) for clip in clips),
    )
    (path / RECEIPT).write_text(receipt.model_dump_json())
