"""The manifest: round trip, refused content, differences from the files."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from factory import CAMERA, data_set, recordings
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from avvla.errors import UserError
from avvla.files import replacing
from avvla.physical_ai import layout, manifest

ENTRY = {
    "path": "labels/egomotion/egomotion.chunk_0000.zip",
    "feature": "egomotion",
    "chunk": 0,
    "bytes": 3,
    "sha256": "0" * 64,
}
GOOD = {
    "source": "synthetic",
    "repo_id": "avvla/synthetic",
    "revision": "a" * 40,
    "camera": CAMERA,
    "files": [ENTRY],
}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
SHARED_FOLDER = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


def _load(folder: Path, content: Any) -> manifest.Manifest:
    path = folder / "manifest.json"
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return manifest.load(path)


def test_round_trip_and_sorted_text(tmp_path: Path) -> None:
    listing = data_set(tmp_path / "data", recordings(3))
    path = tmp_path / "manifest.json"
    manifest.save(listing, path)
    assert manifest.load(path) == listing
    text = path.read_text()
    assert text == json.dumps(json.loads(text), indent=2, sort_keys=True) + "\n"
    assert str(tmp_path) not in text
    assert [child.name for child in tmp_path.iterdir() if child.name != "data"] == ["manifest.json"]


def test_chunks(tmp_path: Path) -> None:
    listing = data_set(tmp_path, recordings(3))
    assert listing.chunks == (0, 1)
    assert [file.feature for file in listing.of_chunk(1)] == sorted(
        layout.features(CAMERA), key=lambda feature: layout.chunk_path(feature, 1)
    )
    with pytest.raises(UserError, match=r"no chunk 7; it has \[0, 1\]"):
        listing.of_chunk(7)


def test_missing_file_names_the_command(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"missing.*dvc repro download"):
        manifest.load(tmp_path / "manifest.json")
    with pytest.raises(UserError, match="cannot be read"):
        manifest.load(tmp_path)


@pytest.mark.parametrize(
    "path", ["../x", "a/../b", "/etc/passwd", "a//b", "", ".", "a\\b", "a/./b", "a\x00b", "a/"]
)
def test_paths_that_leave_the_snapshot_are_refused(tmp_path: Path, path: str) -> None:
    with pytest.raises(UserError, match=r"files\.0: .*stay inside"):
        _load(tmp_path, GOOD | {"files": [ENTRY | {"path": path}]})


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"revision": "main"}, "revision"),
        ({"revision": "A" * 40}, "revision"),
        ({"repo_id": "../.."}, "repo_id"),
        ({"source": "kitti"}, "source"),
        ({"camera": "../front"}, "camera"),
        ({"extra": 1}, "extra"),
        ({"files": [ENTRY, ENTRY]}, "listed twice"),
        ({"files": [ENTRY, ENTRY | {"path": "a"}]}, "expected sorted"),
        ({"files": [ENTRY | {"bytes": -1}]}, "files.0.bytes"),
        ({"files": [ENTRY | {"bytes": "3"}]}, "files.0.bytes"),
        ({"files": [ENTRY | {"sha256": "0" * 63}]}, "files.0.sha256"),
        ({"files": {}}, "files"),
    ],
)
def test_wrong_fields_are_named(tmp_path: Path, change: dict[str, Any], where: str) -> None:
    with pytest.raises(UserError, match=where) as caught:
        _load(tmp_path, GOOD | change)
    assert "\n" not in str(caught.value)
    assert "dvc repro download" in str(caught.value)


@SHARED_FOLDER
@given(st.binary(max_size=200) | st.just(b"[" * 100_000))
def test_any_bytes_end_in_a_user_error(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(UserError):
        _load(tmp_path, content)


@SHARED_FOLDER
@given(st.sampled_from(sorted(GOOD)), st.sampled_from(sorted(ENTRY)), JSON, st.booleans())
def test_any_value_is_accepted_whole_or_refused(
    tmp_path: Path, field: str, entry_field: str, value: Any, inner: bool
) -> None:
    changed = {"files": [ENTRY | {entry_field: value}]} if inner else {field: value}
    try:
        listing = _load(tmp_path, GOOD | changed)
    except UserError:
        return
    for file in listing.files:
        assert (tmp_path / file.path).resolve().is_relative_to(tmp_path.resolve())
    manifest.save(listing, tmp_path / "again.json")
    assert manifest.load(tmp_path / "again.json") == listing


def test_verify_names_each_kind_of_difference(tmp_path: Path) -> None:
    listing = data_set(tmp_path, recordings(1))
    snapshot = manifest.root(listing, tmp_path)
    assert manifest.verify(listing, tmp_path) == []
    lost, cut, flipped = (
        snapshot / layout.chunk_path(feature, 0)
        for feature in (CAMERA, layout.EGOMOTION, layout.CAMERA_INTRINSICS)
    )
    size = cut.stat().st_size
    lost.unlink()
    cut.write_bytes(cut.read_bytes()[:100])
    content = bytearray(flipped.read_bytes())
    content[50] ^= 1
    flipped.write_bytes(content)
    problems = "\n".join(manifest.verify(listing, tmp_path))
    assert problems.count("\n") == 2
    assert f"{layout.chunk_path(CAMERA, 0)} is missing" in problems
    assert f"has 100 bytes, expected {size}" in problems
    assert f"{layout.chunk_path(layout.CAMERA_INTRINSICS, 0)} in {snapshot} has SHA-256" in problems


def test_replacing_takes_the_place_of_a_file_only(tmp_path: Path) -> None:
    pipe, link = tmp_path / "pipe", tmp_path / "link"
    os.mkfifo(pipe)
    link.symlink_to(pipe)
    for path in (pipe, link, Path("/dev/null"), Path("/dev/stdout")):
        # Entered and no more: at the end of the block a name that is let through is taken.
        with pytest.raises(UserError, match="is no file, expected the name of one to write"):
            replacing(path).__enter__()
    assert pipe.is_fifo()
    assert link.is_symlink()


def test_replacing_keeps_the_old_file_when_writing_fails(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")

    def _fail_half_way() -> None:
        with replacing(path) as temporary:
            temporary.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        _fail_half_way()
    assert [(child.name, child.read_text()) for child in tmp_path.iterdir()] == [("file", "old")]
