"""Names in NVIDIA's layout: features, their chunk files, the members of a zip, the metadata.

    features.csv, clip_index.parquet, metadata/*.parquet, reasoning/ood_reasoning.parquet
    camera/<camera>/<camera>.chunk_0000.zip                 {clip_id}.<camera>.mp4, ...
    labels/egomotion/egomotion.chunk_0000.zip               {clip_id}.egomotion.parquet
    calibration/<feature>/<feature>.chunk_0000.parquet      one row or more per clip

A folder of this layout is one snapshot in the cache of the Hugging Face hub, the only place where
the official reader looks while offline: <cache>/datasets--<owner>--<name>/snapshots/<revision>/.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

SYNTHETIC_REPO = "avvla/synthetic"

EGOMOTION = "egomotion"
CAMERA_INTRINSICS = "camera_intrinsics"
SENSOR_EXTRINSICS = "sensor_extrinsics"
VEHICLE_DIMENSIONS = "vehicle_dimensions"
CALIBRATION = (CAMERA_INTRINSICS, SENSOR_EXTRINSICS, VEHICLE_DIMENSIONS)

FEATURES_CSV = "features.csv"
CLIP_INDEX = "clip_index.parquet"
FEATURE_PRESENCE = "metadata/feature_presence.parquet"
PRESENCE = (FEATURE_PRESENCE, "metadata/sensor_presence.parquet")
"""Which features a clip has; revisions before 26.03 have the second."""
METADATA = "metadata"
SPLITS = "splits/default.parquet"
DATA_COLLECTION = "metadata/data_collection.parquet"
REASONING = "reasoning/ood_reasoning.parquet"

_CHUNK_FILE = re.compile(r"(?P<feature>[^/]+)\.chunk_(?P<chunk>\d{4,})\.(zip|parquet)")


def features(camera: str) -> tuple[str, ...]:
    """The features of a data set with one camera, sorted."""
    return tuple(sorted((camera, EGOMOTION, *CALIBRATION)))


def directory(feature: str) -> str:
    """Top folder of a feature: `camera`, `labels` or `calibration`."""
    if feature in CALIBRATION:
        return "calibration"
    return "camera" if feature.startswith("camera_") else "labels"


def chunk_path(feature: str, chunk: int) -> str:
    """Path of a feature's chunk file inside a snapshot."""
    return _chunk_template(feature).format(chunk_id=chunk)


def members(feature: str) -> dict[str, str]:
    """Files of one clip in a zipped feature: alias -> template of the name with `{clip_id}`."""
    if feature in CALIBRATION:
        return {}
    if feature == EGOMOTION:
        return {"egomotion": "{clip_id}.egomotion.parquet"}
    return {
        "video": f"{{clip_id}}.{feature}.mp4",
        "frame_timestamps": f"{{clip_id}}.{feature}.timestamps.parquet",
        "blurred_boxes": f"{{clip_id}}.{feature}.blurred_boxes.parquet",
    }


def features_table(camera: str) -> list[tuple[str, str, str, str]]:
    """The rows of features.csv under its header: where each feature lies."""
    header = ("feature", "directory", "chunk_path", "clip_files_in_zip")
    rows = [
        (
            name,
            directory(name),
            _chunk_template(name),
            json.dumps(members(name)) if members(name) else "",
        )
        for name in features(camera)
    ]
    return [header, *rows]


def parse(path: str) -> tuple[str, int | None]:
    """(feature, chunk) of a path inside a snapshot; ("metadata", None) if it is no chunk file."""
    match = _CHUNK_FILE.fullmatch(path.rpartition("/")[2])
    return (match["feature"], int(match["chunk"])) if match else ("metadata", None)


def snapshot(data_root: Path, repo_id: str, revision: str) -> Path:
    """Folder of one revision of a data set in a hub cache at `data_root`."""
    return _repository(data_root, repo_id) / "snapshots" / revision


def listings(data_root: Path, repo_id: str, revision: str) -> Path:
    """Folder of what the hub has at a revision, in a hub cache at `data_root`."""
    return _repository(data_root, repo_id) / "listings" / revision


def kept_chunks(data_root: Path, repo_id: str) -> Path:
    """Folder of the chunks that snapshots link to, in a hub cache at `data_root`."""
    return _repository(data_root, repo_id) / "chunks"


def main_reference(data_root: Path, repo_id: str) -> Path:
    """File that names the revision of the branch `main` in a hub cache at `data_root`."""
    return _repository(data_root, repo_id) / "refs" / "main"


def _repository(data_root: Path, repo_id: str) -> Path:
    return data_root / f"datasets--{repo_id.replace('/', '--')}"


def _chunk_template(feature: str) -> str:
    suffix = "parquet" if feature in CALIBRATION else "zip"
    return f"{directory(feature)}/{feature}/{feature}.chunk_{{chunk_id:04d}}.{suffix}"
