"""One chunk as a LeRobot data set (v3, video): an episode per clip, a frame per usable t0.

    observation.images.front_wide  (S, S, 3) video, the policy's square crop
    observation.state              (2,) speed v [m/s], heading change over 1.5 s theta [rad]
    action                         (64, 2) acceleration [m/s^2], curvature [1/m]
    trajectory                     (64, 3) driven x, y [m], yaw [rad], local frame
    t0_us                          (1,) time in the clip [us]; the task is the command

A finished shard is a folder with report.json, calibration.parquet and, unless the chunk gave no
episode, lerobot/.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lerobot.utils.constants import ACTION, OBS_STATE
from numpy.typing import NDArray

from avvla.actions.unicycle import HORIZON
from avvla.dataset import calibration
from avvla.dataset.samples import ClipSamples, Rows, join, samples
from avvla.dataset.writer import EpisodeWriter
from avvla.errors import UserError
from avvla.features import IMAGE
from avvla.files import chunk_file
from avvla.logs.interface import Logs
from avvla.logs.source import open_logs
from avvla.physical_ai.camera import Crop
from avvla.physical_ai.manifest import Manifest

if TYPE_CHECKING:
    from avvla.config import Build

REPO_ID = "avvla/field_agent"
TRAJECTORY, T0_US = "trajectory", "t0_us"
LEROBOT, REPORT = "lerobot", "report.json"


@dataclass(frozen=True)
class Report:
    """What a chunk gave: `clips[i]` is the shard's episode i, of `frames[i]` frames."""

    clips: list[str]
    groups: list[str]
    """What each clip is split by."""
    frames: list[int]
    commands: dict[str, int]
    dropped: dict[str, int]
    """Samples that were left out, by reason."""
    missing: dict[str, int]
    """Clips that the raw logs have and cannot give, by reason."""


def frames_per_second(t0_stride_s: float) -> int:
    """The data set's frame rate, 1 / dataset.t0_stride_s.

    Raises:
        UserError: it is no whole number, which LeRobot needs.
    """
    rate = 1.0 / t0_stride_s
    if round(rate) < 1 or abs(rate - round(rate)) > 1e-6:
        raise UserError(
            f"dataset.t0_stride_s is {t0_stride_s}, which makes {rate:.4g} frames a"
            " second; LeRobot needs a whole number: use 1, 0.5, 0.25, 0.2 or 0.1"
        )
    return round(rate)


def features(image_size: int) -> dict[str, dict[str, Any]]:
    """LeRobot's description of a frame with a square image of `image_size` pixels."""
    return {
        IMAGE: square_video(image_size),
        OBS_STATE: feature("float32", (2,), ["v", "theta"]),
        ACTION: feature("float32", (HORIZON, 2), ["acceleration", "curvature"]),
        TRAJECTORY: feature("float32", (HORIZON, 3), ["x", "y", "yaw"]),
        T0_US: feature("int64", (1,), None),
    }


def square_video(size: int) -> dict[str, Any]:
    """LeRobot's description of a camera's square images of `size` pixels."""
    return feature("video", (size, size, 3), ["height", "width", "channels"])


def feature(dtype: str, shape: tuple[int, ...], names: Sequence[str] | None) -> dict[str, Any]:
    """LeRobot's description of a feature; `names` are those of its last axis, or of a video's."""
    return {"dtype": dtype, "shape": shape, "names": None if names is None else list(names)}


def build_shard(
    chunk: int,
    path: Path,
    *,
    build: Build,
    fps: int,
    listing: Manifest,
    data_root: Path,
    labels: Path,
    actions: Path,
) -> None:
    """Write the shard of a chunk from its raw logs and its files in `labels` and `actions`.

    Raises:
        UserError: labels, actions or raw logs of the chunk are missing, damaged or not of one
            another.
    """
    rows = join(labels / chunk_file(chunk), actions / chunk_file(chunk))
    path.mkdir()
    logs = open_logs(listing, data_root)
    assert listing.camera is not None
    clips, frames = _write(logs, rows, build, fps, path / LEROBOT)
    calibration.write(logs, clips, listing.camera, Crop.of(build), path / calibration.FILE)
    report = Report(
        clips=clips,
        groups=[logs.group(clip) for clip in clips],
        frames=frames,
        commands=dict(Counter(rows.table["command"])),
        dropped=rows.dropped,
        missing=dict(Counter(logs.missing(chunk).values())),
    )
    (path / REPORT).write_text(json.dumps(asdict(report), sort_keys=True))


def read_report(shard: Path) -> Report:
    """What a finished shard holds."""
    return Report(**json.loads((shard / REPORT).read_text()))


def _write(
    logs: Logs, rows: Rows, build: Build, fps: int, root: Path
) -> tuple[list[str], list[int]]:
    """Write the episodes; their clips and their numbers of frames."""
    clips: list[str] = []
    frames: list[int] = []
    if len(rows.table):
        commands = set(rows.table["command"])
        with _create(root, fps, build.image_size, commands) as writer:
            for part in samples(logs, rows, build):
                _add_episode(writer, part)
                clips.append(part.clip_id)
                frames.append(len(part.t0_us))
    return clips, frames


def _create(root: Path, fps: int, image_size: int, commands: set[str]) -> EpisodeWriter:
    columns = features(image_size)
    return EpisodeWriter(root, REPO_ID, fps, columns, commands, robot_type="ego_vehicle")


def _add_episode(writer: EpisodeWriter, part: ClipSamples) -> None:
    values: dict[str, NDArray[Any]] = {
        OBS_STATE: part.state,
        ACTION: part.action,
        TRAJECTORY: part.trajectory,
        T0_US: part.t0_us[:, None],
    }
    writer.add({IMAGE: part.image}, values, part.command)
