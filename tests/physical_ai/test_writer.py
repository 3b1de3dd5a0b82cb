"""What is written: the same bytes twice, NVIDIA's columns, refused recordings."""

import dataclasses
import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from factory import CAMERA, EVENTS, data_set, recordings

from avvla.errors import UserError
from avvla.physical_ai import layout, manifest
from avvla.physical_ai.writer import ClipRecording


def _tree(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_the_same_clips_in_any_order_give_the_same_bytes(tmp_path: Path) -> None:
    first = data_set(tmp_path / "a", recordings(3), clips_per_chunk=3)
    second = data_set(tmp_path / "b", recordings(3)[::-1], clips_per_chunk=3)
    assert first == second
    assert _tree(tmp_path / "a") == _tree(tmp_path / "b")


def test_nothing_but_the_manifests_files_and_the_reference_remains(tmp_path: Path) -> None:
    listing = data_set(tmp_path, recordings(3))
    snapshot = manifest.root(listing, tmp_path)
    assert set(_tree(snapshot)) == {file.path for file in listing.files}
    assert (snapshot.parents[1] / "refs" / "main").read_text() == listing.revision


def test_zip_members_are_stored_sorted_and_dated_1980(tmp_path: Path) -> None:
    listing = data_set(tmp_path, recordings(2))
    clips = sorted(clip.clip_id for clip in recordings(2))
    path = manifest.root(listing, tmp_path) / layout.chunk_path(CAMERA, 0)
    with zipfile.ZipFile(path) as archive:
        assert archive.namelist() == [
            f"{clip}.{CAMERA}.{end}"
            for clip in clips
            for end in ("blurred_boxes.parquet", "mp4", "timestamps.parquet")
        ]
        for entry in archive.infolist():
            assert entry.compress_type == zipfile.ZIP_STORED
            assert entry.date_time == (1980, 1, 1, 0, 0, 0)
            assert entry.external_attr >> 16 == 0o644


def test_egomotion_has_nvidias_columns_in_the_anchor_frame(tmp_path: Path) -> None:
    (clip,) = recordings(1, seed=4)
    table = _member(tmp_path, [clip], layout.EGOMOTION, "egomotion.parquet")
    names = ["timestamp", "qx", "qy", "qz", "qw", "x", "y", "z"]
    assert list(table) == [*names, "vx", "vy", "vz", "ax", "ay", "az", "curvature"]
    assert table["timestamp"].dtype == np.int64
    np.testing.assert_array_equal(table["timestamp"], clip.egomotion_us)
    # Vectors of the anchor frame are the derivatives of its positions.
    t = clip.egomotion_us / 1e6
    for position, velocity, acceleration in (("x", "vx", "ax"), ("y", "vy", "ay")):
        np.testing.assert_allclose(
            np.gradient(table[position], t)[1:-1], table[velocity][1:-1], atol=1e-3
        )
        np.testing.assert_allclose(
            np.gradient(table[velocity], t)[1:-1], table[acceleration][1:-1], atol=1e-3
        )


def test_frame_times_are_whole_microseconds(tmp_path: Path) -> None:
    (clip,) = recordings(1)
    table = _member(tmp_path, [clip], CAMERA, "timestamps.parquet")
    assert list(table) == ["timestamp"]
    assert table["timestamp"].dtype == np.int64
    np.testing.assert_array_equal(table["timestamp"], clip.frame_us)


def test_reasoning_is_json_by_clip(tmp_path: Path) -> None:
    clips = recordings(2)
    silent = dataclasses.replace(clips[1], events=())
    listing = data_set(tmp_path, [clips[0], silent])
    table = pd.read_parquet(manifest.root(listing, tmp_path) / layout.REASONING)
    assert list(table.index) == [clips[0].clip_id]
    assert table.index.name == "clip_id"
    events = json.loads(table.at[clips[0].clip_id, "events"])
    assert [(event["event_start_timestamp"], event["cot"]) for event in events] == list(EVENTS)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"frames": np.zeros((8, 35, 64, 3), np.uint8)}, "64 x 35, expected even"),
        ({"frames": np.zeros((1, 36, 64, 3), np.uint8)}, "1 frames and 8 frame times"),
        ({"frame_us": np.array([0, 5, 9, 17, 20, 25, 30, 35])}, "not evenly spaced"),
        ({"frame_us": np.zeros(8, np.int64)}, "not evenly spaced"),
    ],
)
def test_unencodable_clips_are_refused_and_leave_nothing(
    tmp_path: Path, change: dict[str, np.ndarray], message: str
) -> None:
    clip = dataclasses.replace(recordings(1)[0], **change)
    with pytest.raises(UserError, match=message):
        data_set(tmp_path, [clip])
    assert [path for path in _tree(tmp_path) if "snapshots" in path] == []


def test_a_clip_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="twice"):
        data_set(tmp_path, recordings(1) * 2)


def _member(data_root: Path, clips: list[ClipRecording], feature: str, ending: str) -> pd.DataFrame:
    listing = data_set(data_root, clips)
    path = manifest.root(listing, data_root) / layout.chunk_path(feature, 0)
    with zipfile.ZipFile(path) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(ending))
        return pd.read_parquet(io.BytesIO(archive.read(name)))
