"""Writes recorded clips in NVIDIA's layout; the same clips give the same bytes.

Zips are stored uncompressed with sorted members and one fixed date. Egomotion is in the anchor
frame: the rig frame at the clip's start (t = 0) with yaw zeroed, in which `ClipRecording.pose`
already is. Velocity and acceleration are vectors of that frame, not of the body:

    velocity = v h,  acceleration = a h + v^2 curvature n,
    h = (cos yaw, sin yaw),  n = (-sin yaw, cos yaw)
"""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from avvla.errors import UserError
from avvla.files import replacing
from avvla.physical_ai import layout, video
from avvla.physical_ai.camera import FThetaCamera, RigExtrinsics

_DATE = (1980, 1, 1, 0, 0, 0)  # the earliest that a zip can hold
_RATE_TOLERANCE_US = 1.0  # camera times are whole microseconds: 33333 and 33334 are one rate


@dataclass(frozen=True)
class Vehicle:
    """Dimensions of the recording vehicle [m]; `rear_axle_to_bbox_center` is along x."""

    length: float
    width: float
    height: float
    wheelbase: float
    rear_axle_to_bbox_center: float
    track_width: float


@dataclass(frozen=True, eq=False)
class ClipRecording:
    """One clip. Times are int64 microseconds from its start; egomotion may begin before 0.

    Shapes: frame_us (F,), frames (F, H, W, 3) uint8 RGB, egomotion_us (M,), pose (M, 3) as x [m],
    y [m], yaw [rad] in the anchor frame, speed (M,) [m/s], acceleration (M,) [m/s^2], curvature
    (M,) [1/m]. An event is a time and the sentence that explains the driving from then on.
    """

    clip_id: str
    frame_us: NDArray[np.int64]
    frames: NDArray[np.uint8]
    egomotion_us: NDArray[np.int64]
    pose: NDArray[np.float64]
    speed: NDArray[np.float64]
    acceleration: NDArray[np.float64]
    curvature: NDArray[np.float64]
    events: tuple[tuple[int, str], ...]
    vehicle: Vehicle


@dataclass(frozen=True)
class ClipRow:
    """What the metadata says of one clip; `features` are those that its chunk holds."""

    clip_id: str
    chunk: int
    features: tuple[str, ...]
    events: tuple[tuple[int, str], ...] = ()
    split: str = "train"
    clip_is_valid: bool = True
    country: str = "none"
    month: int = 1
    hour_of_day: int = 12
    platform_class: str = "synthetic"


def hub_snapshot(data_root: Path, repo_id: str, revision: str) -> Path:
    """Make the folder of a revision in a hub cache and point the branch `main` at it."""
    snapshot = layout.snapshot(data_root, repo_id, revision)
    snapshot.mkdir(parents=True, exist_ok=True)
    with replacing(layout.main_reference(data_root, repo_id)) as temporary:
        temporary.write_text(revision)
    return snapshot


def write_chunk(
    root: Path,
    chunk: int,
    clips: Iterable[ClipRecording],
    camera: FThetaCamera,
    extrinsics: RigExtrinsics,
    feature: str,
) -> list[str]:
    """Write the chunk files of `clips` under a snapshot's `root`; `feature` names the camera.

    Returns: the written paths, relative to `root`, sorted.

    Raises:
        UserError: a clip's camera has fewer than 2 frames, an odd size or no constant frame rate.
    """
    camera_zip, egomotion_zip = (
        layout.chunk_path(feature, chunk),
        layout.chunk_path(layout.EGOMOTION, chunk),
    )
    camera_members: dict[str, bytes] = {}
    egomotion_members: dict[str, bytes] = {}
    vehicles: dict[str, Vehicle] = {}
    for clip in clips:
        if clip.clip_id in vehicles:
            raise ValueError(f"chunk {chunk} has clip {clip.clip_id} twice")
        vehicles[clip.clip_id] = clip.vehicle
        camera_members |= _named(clip.clip_id, feature, _camera_files(clip))
        egomotion_members |= _named(clip.clip_id, layout.EGOMOTION, {"egomotion": _egomotion(clip)})
    _write_zip(root / camera_zip, camera_members)
    _write_zip(root / egomotion_zip, egomotion_members)
    calibration = _calibration(dict(sorted(vehicles.items())), camera, extrinsics, feature)
    for name, table in calibration.items():
        _write_table(root / layout.chunk_path(name, chunk), table)
    return sorted(layout.chunk_path(name, chunk) for name in layout.features(feature))


def write_metadata(root: Path, rows: Sequence[ClipRow], feature: str) -> list[str]:
    """Write features.csv, the clip index, the metadata and the reasoning of all chunks.

    Returns: the written paths, relative to `root`, sorted.
    """
    rows = sorted(rows, key=lambda row: row.clip_id)
    index = pd.Index([row.clip_id for row in rows], name="clip_id", dtype=object)
    with (
        replacing(root / layout.FEATURES_CSV) as temporary,
        temporary.open("w", newline="") as file,
    ):
        csv.writer(file, lineterminator="\n").writerows(layout.features_table(feature))
    index_columns = ("clip_is_valid", "chunk", "split")
    collection_columns = ("country", "month", "hour_of_day", "platform_class")
    explained = [row for row in rows if row.events]
    tables = {
        layout.CLIP_INDEX: pd.DataFrame(_columns(rows, index_columns), index=index),
        layout.DATA_COLLECTION: pd.DataFrame(_columns(rows, collection_columns), index=index),
        layout.FEATURE_PRESENCE: pd.DataFrame(
            {name: [name in row.features for row in rows] for name in layout.features(feature)},
            index=index,
            dtype=bool,
        ),
        layout.REASONING: pd.DataFrame(
            {
                "split": [row.split for row in explained],
                "events": [_events_json(row.events) for row in explained],
            },
            index=pd.Index([row.clip_id for row in explained], name="clip_id", dtype=object),
            dtype=object,
        ),
    }
    for path, table in tables.items():
        _write_table(root / path, table)
    return sorted([layout.FEATURES_CSV, *tables])


def _camera_files(clip: ClipRecording) -> dict[str, bytes]:
    boxes = {"timestamp": np.empty(0, np.int64)}
    boxes |= {side: np.empty(0, np.float64) for side in ("x_min", "y_min", "x_max", "y_max")}
    return {
        "video": video.encode(clip.frames, _frame_period_us(clip)),
        "frame_timestamps": _parquet(pd.DataFrame({"timestamp": clip.frame_us})),
        "blurred_boxes": _parquet(pd.DataFrame(boxes)),
    }


def _frame_period_us(clip: ClipRecording) -> float:
    count, height, width = clip.frames.shape[:3]
    if count < 2 or count != len(clip.frame_us):
        raise UserError(
            f"clip {clip.clip_id} has {count} frames and {len(clip.frame_us)} frame times, expected"
            " 2 or more of each: raise dataset.synthetic.video_s or dataset.synthetic.camera_fps"
        )
    if height % 2 or width % 2:
        raise UserError(
            f"the camera image is {width} x {height}, expected even numbers: change"
            " dataset.synthetic.camera_width or dataset.synthetic.camera_height"
        )
    period = float(clip.frame_us[-1] - clip.frame_us[0]) / (count - 1)
    ideal = clip.frame_us[0] + period * np.arange(count)
    if period <= 0 or np.abs(clip.frame_us - ideal).max() > _RATE_TOLERANCE_US:
        raise UserError(
            f"clip {clip.clip_id}: frame times are not evenly spaced; H.264 needs one frame rate"
        )
    return period


def _egomotion(clip: ClipRecording) -> bytes:
    x, y, yaw = clip.pose.T
    ahead, left = (np.cos(yaw), np.sin(yaw)), (-np.sin(yaw), np.cos(yaw))
    centripetal = clip.speed**2 * clip.curvature
    nothing = np.zeros_like(x)
    columns = {
        "timestamp": clip.egomotion_us.astype(np.int64),
        "qx": nothing,
        "qy": nothing,
        "qz": np.sin(yaw / 2),
        "qw": np.cos(yaw / 2),
        "x": x,
        "y": y,
        "z": nothing,
        "vx": clip.speed * ahead[0],
        "vy": clip.speed * ahead[1],
        "vz": nothing,
        "ax": clip.acceleration * ahead[0] + centripetal * left[0],
        "ay": clip.acceleration * ahead[1] + centripetal * left[1],
        "az": nothing,
        "curvature": clip.curvature,
    }
    return _parquet(pd.DataFrame(columns))


def _calibration(
    vehicles: dict[str, Vehicle], camera: FThetaCamera, extrinsics: RigExtrinsics, feature: str
) -> dict[str, pd.DataFrame]:
    intrinsics = {"width": camera.width, "height": camera.height, "cx": camera.cx, "cy": camera.cy}
    for name, polynomial in (("fw_poly", camera.fw_poly), ("bw_poly", camera.bw_poly)):
        intrinsics |= {f"{name}_{order}": value for order, value in enumerate(polynomial)}
    pose = dict(zip(("qx", "qy", "qz", "qw"), extrinsics.quaternion, strict=True))
    pose |= dict(zip(("x", "y", "z"), extrinsics.position, strict=True))

    def per_sensor(row: dict[str, float], level: str) -> pd.DataFrame:
        keys = pd.MultiIndex.from_product([list(vehicles), [feature]], names=["clip_id", level])
        return pd.DataFrame([row] * len(vehicles), index=keys)

    return {
        layout.CAMERA_INTRINSICS: per_sensor(intrinsics, "camera_name"),
        layout.SENSOR_EXTRINSICS: per_sensor(pose, "sensor_name"),
        layout.VEHICLE_DIMENSIONS: pd.DataFrame(
            [vars(vehicle) for vehicle in vehicles.values()],
            index=pd.Index(list(vehicles), name="clip_id", dtype=object),
        ),
    }


def _named(clip_id: str, feature: str, files: dict[str, bytes]) -> dict[str, bytes]:
    templates = layout.members(feature)
    return {templates[alias].format(clip_id=clip_id): content for alias, content in files.items()}


def _columns(rows: Sequence[ClipRow], names: Iterable[str]) -> dict[str, list[object]]:
    return {name: [getattr(row, name) for row in rows] for name in names}


def _events_json(events: tuple[tuple[int, str], ...]) -> str:
    return json.dumps([{"cot": text, "event_start_timestamp": time_us} for time_us, text in events])


def _parquet(table: pd.DataFrame) -> bytes:
    target = io.BytesIO()
    # Measured numbers hardly repeat: a dictionary of them costs space instead of saving it.
    pq.write_table(pa.Table.from_pandas(table), target, compression="zstd", use_dictionary=False)
    return target.getvalue()


def _write_table(path: Path, table: pd.DataFrame) -> None:
    with replacing(path) as temporary:
        temporary.write_bytes(_parquet(table))


def _write_zip(path: Path, members: dict[str, bytes]) -> None:
    with (
        replacing(path) as temporary,
        zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED) as archive,
    ):
        for name, content in sorted(members.items()):
            entry = zipfile.ZipInfo(name, date_time=_DATE)
            entry.create_system, entry.external_attr = 3, 0o644 << 16  # Unix, rw-r--r--
            archive.writestr(entry, content)
