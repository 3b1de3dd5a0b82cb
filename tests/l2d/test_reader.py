"""Clips, windows and frames of the small data set against the drives that it was made from."""

import math
import shutil
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from l2d_factory import (
    DATA,
    DRIVES,
    EPISODES,
    FRONT,
    HEIGHT,
    VIDEO,
    WIDTH,
    AreThere,
    brightness,
    data_set,
    state,
)

from avvla.errors import UserError
from avvla.l2d import layout
from avvla.l2d.clip import GPS_DISAGREES, NOT_FINITE
from avvla.l2d.reader import Drives
from avvla.logs.source import open_logs


@pytest.fixture(scope="module")
def logs(whole):
    return open_logs(whole.fetch(), whole.root)


def test_a_drive_is_a_chunk_and_its_clips_its_group(logs):
    for chunk, drive in enumerate(DRIVES[:3]):
        (clip_id,) = logs.clip_ids(chunk)
        assert clip_id == f"{drive.session}.0000"
        assert logs.group(clip_id) == drive.session
        assert logs.missing(chunk) == {}


@pytest.mark.parametrize("drive", DRIVES[:3], ids=lambda drive: drive.session)
def test_windows_are_those_that_were_driven(logs, drive):
    clip_id = f"{drive.session}.0000"
    t0_us = logs.t0_grid(clip_id, 0.5, 0.5)
    assert t0_us.tolist() == list(range(1_500_000, 8_500_001, 500_000))
    xy, yaw, speed = logs.ego_windows(clip_id, t0_us)
    np.testing.assert_allclose(speed, drive.speed_kmh / 3.6)
    exact = state(drive, (t0_us[:, None] / 1e6 + np.arange(-15, 65) / 10).ravel())
    np.testing.assert_allclose(np.cos(yaw.ravel() - exact["yaw"]), 1.0, atol=1e-9)
    assert np.abs(np.diff(yaw)).max() < 0.1
    positions = np.stack([exact["x"], exact["y"]], axis=-1).reshape(xy.shape)
    apart = (xy - xy[:, :1]) - (positions - positions[:, :1])
    assert np.hypot(*apart.T).max() < 0.01


def test_frames_are_those_at_or_before_t0_in_any_order(logs):
    clip_id = f"{DRIVES[0].session}.0000"
    t0_us = np.array([7_000_000, 0, 3_099_999, 3_100_000, 14_900_000, 7_000_000])
    images = logs.frames(clip_id, t0_us)
    assert images.shape == (6, HEIGHT, WIDTH, 3)
    wanted = [brightness(frame) for frame in (70, 0, 30, 31, 149, 70)]
    np.testing.assert_allclose(images.mean((1, 2, 3)), wanted, atol=2)
    assert logs.frames(clip_id, np.zeros(0, np.int64)).shape == (0, HEIGHT, WIDTH, 3)


def test_instructions_are_those_of_the_window_that_a_frame_is_taken_from(logs):
    first, second = DRIVES[1].instructions
    assert logs.events(f"{DRIVES[1].session}.0000") == [
        (0, first),
        (3_000_000, second),
        (6_000_000, first),
        (9_000_000, second),
    ]


def test_the_camera_is_assumed_and_says_so(logs, whole):
    clip_id = f"{DRIVES[0].session}.0000"
    assert logs.assumptions == {"camera_hfov_deg": 90.0}
    assert logs.extrinsics(clip_id) is None
    camera = logs.camera(clip_id)
    assert (camera.width, camera.height) == (WIDTH, HEIGHT)
    edge = camera.unproject((camera.cx + WIDTH / 2, camera.cy))
    assert math.atan2(edge[0], edge[2]) == pytest.approx(math.pi / 4)
    narrow = whole.open(hfov_deg=50.0)
    assert narrow.assumptions == {"camera_hfov_deg": 50.0}
    assert narrow.facts(0) != logs.facts(0)


def test_other_cameras_are_not_needed(copy):
    for folder in (copy.snapshot / "videos").iterdir():
        if folder.name != FRONT:
            shutil.rmtree(folder)
    reader = copy.open()
    assert len(reader.frames(f"{DRIVES[0].session}.0000", np.array([1_000_000]))) == 1


def test_facts_follow_the_files_the_drive_and_how_they_are_read(copy):
    reader = copy.open()
    facts = [reader.facts(chunk) for chunk in range(3)]
    assert facts[0] != facts[1]
    assert reader.facts(0, events=True) == facts[0]
    assert copy.open(drives=2).facts(0) == facts[0]
    assert copy.open(student=True).facts(0) != facts[0]
    copy.change(DATA, lambda table: table)
    assert copy.open().facts(0) != facts[0]


def test_learners_come_in_when_asked_for(copy):
    reader = copy.open(student=True, drives=4)
    assert reader.clip_ids(3) == [f"{DRIVES[3].session}.0000"]


@given(st.integers(0, 10_000), st.sampled_from([0.1, 0.25, 0.5, 1.0, 3.7]))
def test_every_t0_has_its_window_and_its_frame(logs, start_ms, stride_s):
    clip_id = f"{DRIVES[2].session}.0000"
    t0_us = logs.t0_grid(clip_id, start_ms / 1000, stride_s)
    assert (np.diff(t0_us) > 0).all()
    assert logs.ego_windows(clip_id, t0_us)[0].shape == (len(t0_us), 80, 2)


def test_what_cannot_be_used_is_missing_with_its_reason(copy):
    def spoil(table):
        heading = table[layout.VEHICLE].map(lambda it: it.copy())
        heading[table[layout.EPISODE] == 2].map(lambda it: it.__setitem__(1, np.nan))
        heading[table[layout.EPISODE].between(4, 7)].map(lambda it: it.__setitem__(1, 200.0))
        return table.assign(**{layout.VEHICLE: heading})

    listing = copy.fetch()
    copy.change(DATA, spoil)
    files = AreThere(copy.snapshot).bring(file.path for file in listing.files)
    reader = Drives(listing.model_copy(update={"files": files}), copy.root)
    assert reader.missing(0) == {f"{DRIVES[0].session}.0000": NOT_FINITE}
    assert reader.missing(1) == {f"{DRIVES[1].session}.0000": GPS_DISAGREES}
    assert reader.clip_ids(0) == reader.clip_ids(1) == []
    assert len(reader.clip_ids(2)) == 1


@pytest.mark.parametrize("path", [DATA, EPISODES, layout.INFO])
@pytest.mark.parametrize("size", ["missing", "short"])
def test_a_file_that_is_not_the_manifests_is_one_line(copy, path, size):
    reader = copy.open()
    if size == "missing":
        (copy.snapshot / path).unlink()
    else:
        (copy.snapshot / path).write_bytes(b"short")
    told = "is missing from" if size == "missing" else "has 5 bytes, expected"
    with pytest.raises(UserError, match=rf"{path}.* {told}.*avvla data fetch"):
        reader.clip_ids(0)


def test_a_missing_video_is_one_line_and_no_matter_until_frames_are_read(copy):
    reader = copy.open()
    (copy.snapshot / VIDEO).unlink()
    clip_id = f"{DRIVES[0].session}.0000"
    assert reader.clip_ids(0) == [clip_id]
    with pytest.raises(UserError, match=r"file-000\.mp4 is missing from .*avvla data fetch"):
        reader.frames(clip_id, np.array([1_000_000]))


def test_what_the_manifest_lacks_is_one_line(whole):
    listing = whole.fetch(drives=2)
    reader = Drives(listing, whole.root)
    with pytest.raises(UserError, match=r"no drive 2; it has \[0, 1\]"):
        reader.clip_ids(2)
    with pytest.raises(UserError, match=r"drive c7f221eb-0002 is not in the manifest"):
        reader.t0_grid("c7f221eb-0002.0000", 0.5, 0.5)
    with pytest.raises(UserError, match=r"0009 is not among the 1 clips of its drive"):
        reader.t0_grid(f"{DRIVES[0].session}.0009", 0.5, 0.5)
    files = tuple(file for file in listing.files if file.path != DATA)
    reader = Drives(listing.model_copy(update={"files": files}), whole.root)
    with pytest.raises(UserError, match=rf"the manifest lists no {DATA}: make it again"):
        reader.facts(0)
    with pytest.raises(UserError, match=r"names no drives of L2D"):
        Drives(listing.model_copy(update={"reading": None}), whole.root)


def test_the_same_drives_give_the_same_data_set(tmp_path):
    contents = []
    for name in ("a", "b"):
        root = data_set(tmp_path / name, [replace(DRIVES[1], starts_s=(0.0, 1.0), window_s=2.0)])
        paths = [root / path for path in (DATA, EPISODES, VIDEO, layout.INFO)]
        contents.append([path.read_bytes() for path in paths])
    assert contents[0] == contents[1]
