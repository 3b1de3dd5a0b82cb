"""One chunk as a LeRobot data set (v3, video): an episode per clip, a frame per usable t0.

    observation.images.front_wide  (S, S, 3) video, the policy's square crop
    observation.state              (2,) speed v [m/s], heading change over 1.5 s theta [rad]
    action                         (64, 2) acceleration [m/s^2], curvature [1/m]
    trajectory                     (64, 3) driven x, y [m], yaw [rad], local frame
    t0_us                          (1,) time in the clip [us]; the task is the command

A finished shard stays in the work folder, named by the hash of all that it depends on:

    <work>/build_dataset/chunk_0000_<hash>/  lerobot/, report.json
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections import Counter
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from lerobot.utils.constants import ACTION, OBS_STATE
from numpy.typing import NDArray

from avvla.actions.unicycle import HORIZON
from avvla.cluster.fingerprint import source_digest
from avvla.config import Params
from avvla.dataset.samples import ClipSamples, Rows, join, samples
from avvla.dataset.writer import EpisodeWriter
from avvla.errors import UserError
from avvla.features import IMAGE
from avvla.files import hash_file
from avvla.physical_ai.manifest import Manifest
from avvla.physical_ai.reader import Clips

REPO_ID = "avvla/field_agent"
TRAJECTORY, T0_US = "trajectory", "t0_us"

SOURCES = (
    "actions/fit.py",
    "actions/table.py",
    "dataset/pixel_stats.py",
    "dataset/samples.py",
    "dataset/shard.py",
    "dataset/video.py",
    "dataset/writer.py",
    "physical_ai/camera.py",
    "physical_ai/reader.py",
)


@dataclass(frozen=True)
class Inputs:
    """What a data set is built from; `work` keeps finished shards."""

    params: Params
    listing: Manifest
    data_root: Path
    labels: Path
    actions: Path
    work: Path


@dataclass(frozen=True)
class Report:
    """What a chunk gave: `clips[i]` is the shard's episode i, of `frames[i]` frames."""

    clips: list[str]
    frames: list[int]
    commands: dict[str, int]
    dropped: dict[str, int]


def frames_per_second(params: Params) -> int:
    """The data set's frame rate, 1 / dataset.t0_stride_s.

    Raises:
        UserError: it is no whole number, which LeRobot needs.
    """
    rate = 1.0 / params.dataset.t0_stride_s
    if round(rate) < 1 or abs(rate - round(rate)) > 1e-6:
        raise UserError(
            f"dataset.t0_stride_s is {params.dataset.t0_stride_s}, which makes {rate:.4g} frames a"
            " second; LeRobot needs a whole number: use 1, 0.5, 0.25, 0.2 or 0.1"
        )
    return round(rate)


def features(image_size: int) -> dict[str, dict[str, Any]]:
    """LeRobot's description of a frame with a square image of `image_size` pixels."""
    return {
        IMAGE: _feature("video", (image_size, image_size, 3), ["height", "width", "channels"]),
        OBS_STATE: _feature("float32", (2,), ["v", "theta"]),
        ACTION: _feature("float32", (HORIZON, 2), ["acceleration", "curvature"]),
        TRAJECTORY: _feature("float32", (HORIZON, 3), ["x", "y", "yaw"]),
        T0_US: _feature("int64", (1,), None),
    }


def build_shard(inputs: Inputs, chunk: int) -> Report:
    """Write the shard of a chunk, unless the work folder has it.

    Raises:
        UserError: labels, actions or raw logs of the chunk are missing, damaged or not of one
            another.
    """
    rows = join(inputs.labels / _name(chunk), inputs.actions / _name(chunk))
    folder = shard_folder(inputs, chunk)
    if not folder.exists():
        temporary = folder.with_name(f".{folder.name}.tmp")
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir(parents=True)
        report = _write(inputs, rows, temporary / "lerobot")
        (temporary / "report.json").write_text(json.dumps(asdict(report), sort_keys=True))
        temporary.rename(folder)
    return Report(**json.loads((folder / "report.json").read_text()))


def shard_folder(inputs: Inputs, chunk: int) -> Path:
    """Folder of a finished shard; it has no `lerobot` if the chunk gave no episode."""
    facts = {
        "actions": hash_file(inputs.actions / _name(chunk)),
        "build": inputs.params.build.model_dump(exclude={"validation"}),
        "camera": inputs.listing.camera,
        "code": source_digest(*SOURCES),
        "files": [file.sha256 for file in inputs.listing.of_chunk(chunk)],
        "fps": frames_per_second(inputs.params),
        "labels": hash_file(inputs.labels / _name(chunk)),
        "versions": {name: version(name) for name in ("av", "lerobot", "pyarrow")},
    }
    digest = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
    return inputs.work / "build_dataset" / f"chunk_{chunk:04d}_{digest[:16]}"


def _write(inputs: Inputs, rows: Rows, root: Path) -> Report:
    clips: list[str] = []
    frames: list[int] = []
    if len(rows.table):
        logs = Clips(inputs.listing, inputs.data_root)
        with _create(root, inputs.params, set(rows.table["command"])) as writer:
            for part in samples(logs, rows, inputs.params.build):
                _add_episode(writer, part)
                clips.append(part.clip_id)
                frames.append(len(part.t0_us))
    return Report(clips, frames, dict(Counter(rows.table["command"])), rows.dropped)


def _create(root: Path, params: Params, commands: set[str]) -> EpisodeWriter:
    fps, columns = frames_per_second(params), features(params.build.image_size)
    return EpisodeWriter(root, REPO_ID, fps, columns, commands, robot_type="ego_vehicle")


def _add_episode(writer: EpisodeWriter, part: ClipSamples) -> None:
    values: dict[str, NDArray[Any]] = {
        OBS_STATE: part.state,
        ACTION: part.action,
        TRAJECTORY: part.trajectory,
        T0_US: part.t0_us[:, None],
    }
    writer.add(part.image, values, part.command)


def _feature(dtype: str, shape: tuple[int, ...], names: list[str] | None) -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "names": names}


def _name(chunk: int) -> str:
    return f"chunk_{chunk:04d}.parquet"
