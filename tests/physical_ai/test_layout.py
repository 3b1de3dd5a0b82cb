"""Names in NVIDIA's layout."""

from pathlib import Path

import pytest

from avvla.physical_ai import layout

CAMERA = "camera_front_wide_120fov"


@pytest.mark.parametrize(
    ("feature", "path"),
    [
        (CAMERA, f"camera/{CAMERA}/{CAMERA}.chunk_0012.zip"),
        ("egomotion", "labels/egomotion/egomotion.chunk_0012.zip"),
        ("camera_intrinsics", "calibration/camera_intrinsics/camera_intrinsics.chunk_0012.parquet"),
    ],
)
def test_chunk_paths_are_nvidias_and_parse_back(feature: str, path: str) -> None:
    assert layout.chunk_path(feature, 12) == path
    assert layout.parse(path) == (feature, 12)


def test_metadata_belongs_to_no_chunk() -> None:
    for path in (layout.FEATURES_CSV, layout.CLIP_INDEX, layout.REASONING):
        assert layout.parse(path) == ("metadata", None)


def test_snapshot_is_the_folder_of_the_hub_cache() -> None:
    folder = layout.snapshot(Path("/data"), "avvla/synthetic", "a" * 40)
    assert folder == Path("/data/datasets--avvla--synthetic/snapshots") / ("a" * 40)
