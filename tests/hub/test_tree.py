"""A plain folder: the manifest of the hub, without a request and without a copy."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
from factory import CAMERA

from avvla.errors import UserError
from avvla.physical_ai import layout, manifest
from avvla.physical_ai.reader import Clips

VIDEO = layout.chunk_path(CAMERA, 1)


@pytest.fixture
def plain(tree, tmp_path):
    """A copy of the folder to change."""
    return shutil.copytree(tree, tmp_path / "plain")


def test_a_plain_tree_is_the_hub_without_a_request(hub, tree, make_place, monkeypatch):
    served, plain = make_place("served"), make_place("plain")
    listing = served.fetch(clip_count=3)
    asked = len(hub.log)
    assert plain.fetch(tree=tree, workers=2, clip_count=3) == listing
    assert len(hub.log) == asked
    assert plain.contents() == served.contents()
    assert not any(path.is_file() and not path.is_symlink() for path in plain.data.rglob("*"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    one, other = Clips(listing, served.data), Clips(listing, plain.data)
    chosen = [clip_id for chunk in listing.chunks for clip_id in one.clip_ids(chunk)]
    assert tuple(sorted(chosen)) == listing.clips
    for clip_id in chosen:
        t0_us = one.t0_grid(clip_id, 2.0, 0.1)
        assert np.array_equal(t0_us, other.t0_grid(clip_id, 2.0, 0.1))
        assert np.array_equal(one.frames(clip_id, t0_us), other.frames(clip_id, t0_us))
        for mine, theirs in zip(
            one.ego_windows(clip_id, t0_us), other.ego_windows(clip_id, t0_us), strict=True
        ):
            assert np.array_equal(mine, theirs)
        assert one.camera(clip_id) == other.camera(clip_id)
        assert one.extrinsics(clip_id) == other.extrinsics(clip_id)


def test_an_added_chunk_is_hashed_alone(place, plain):
    def computed():
        return json.loads((place.work / "download/last_run.json").read_text())["computed"]

    place.fetch(tree=plain, chunks=[0, 1])
    assert computed() == 2
    first = place.fetch(tree=plain)
    assert computed() == 1
    assert place.fetch(tree=plain) == first
    assert computed() == 0
    content = bytearray((plain / VIDEO).read_bytes())
    content[50] ^= 1
    (plain / VIDEO).write_bytes(content)
    changed = place.fetch(tree=plain)
    assert computed() == 1
    assert [a.path for a, b in zip(first.files, changed.files, strict=True) if a != b] == [VIDEO]


def test_a_file_of_the_tree_is_never_removed(place, plain):
    listing = place.fetch(tree=plain)
    (plain / VIDEO).write_bytes(b"cut")
    (told,) = manifest.discard(listing, place.data)
    assert f"{VIDEO} in " in told
    assert (plain / VIDEO).read_bytes() == b"cut"
    assert not (manifest.root(listing, place.data) / VIDEO).is_symlink()


def test_what_the_tree_lacks_can_come_from_the_hub(hub, place, plain):
    listing = place.fetch(tree=plain)
    shutil.rmtree(plain / "labels")
    assert place.fetch() == listing
    assert {request.path for request in hub.bodies()} == {
        f"/lfs/{hub.oid(layout.chunk_path(layout.EGOMOTION, chunk))}" for chunk in range(3)
    }
    assert manifest.verify(listing, place.data) == []


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        (VIDEO, f"chunk 0001: {VIDEO} is not in nvidia/"),
        ("features.csv", "has no features.csv at"),
        ("clip_index.parquet", "has no clip_index.parquet at"),
    ],
)
def test_a_missing_file_is_named(place, plain, path, problem):
    (plain / path).unlink()
    with pytest.raises(UserError, match=problem):
        place.fetch(tree=plain)


def test_a_feature_that_is_none(place, plain):
    with pytest.raises(UserError, match=r"features\.csv has no radar, only camera_front_wide"):
        place.fetch(tree=plain, features=["radar"])


def test_a_further_feature_is_fetched_where_it_is(place, plain):
    text = (plain / "features.csv").read_text()
    row = "lidar,lidar,lidar/lidar.chunk_{chunk_id:04d}.zip,\n"
    (plain / "features.csv").write_text(text + row)
    (plain / "lidar").mkdir()
    (plain / "lidar/lidar.chunk_0002.zip").write_bytes(b"points")
    listing = place.fetch(tree=plain, features=["lidar"])
    assert [file.chunk for file in listing.files if file.feature == "lidar"] == [2]


@pytest.mark.parametrize(
    "content", [b"", b"feature,directory\nx,y\n", b"feature,chunk_path\nx,..\n"]
)
def test_a_damaged_table_of_features_is_one_line(place, plain, content):
    (plain / "features.csv").write_bytes(content)
    with pytest.raises(UserError, match=r"features\.csv cannot be read \(") as caught:
        place.fetch(tree=plain)
    assert "\n" not in str(caught.value)


def test_a_cache_that_cannot_be_written_is_blamed(place, plain):
    place.data.parent.mkdir()
    place.data.write_bytes(b"no folder")
    with pytest.raises(UserError, match=r"cannot be written \(Not a .* set AVVLA_DATA to another"):
        place.fetch(tree=plain)


def test_a_folder_that_is_none(place, tmp_path):
    with pytest.raises(UserError, match=r"AVVLA_NVIDIA_TREE is .*, which is no folder"):
        place.fetch(tree=tmp_path / "nothing")
