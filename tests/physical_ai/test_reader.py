"""Clips through the official reader: NVIDIA's conventions hold, damage ends in a UserError."""

import contextlib
import dataclasses
import io
import zipfile
from pathlib import Path

import huggingface_hub.constants
import numpy as np
import pandas as pd
import pytest
from factory import CAMERA, EVENTS, VEHICLE, camera, data_set, recordings
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from physical_ai_av import PhysicalAIAVDatasetInterface

from avvla.errors import UserError
from avvla.physical_ai import layout, manifest
from avvla.physical_ai.camera import front_camera_extrinsics
from avvla.physical_ai.reader import Clips
from avvla.physical_ai.writer import ClipRecording

T0_US = np.array([1_500_000, 2_000_000, 2_700_000], np.int64)


def _open(folder: Path, clips: list[ClipRecording]) -> Clips:
    return Clips(data_set(folder, clips), folder)


def _rewrite(
    data_root: Path, listing: manifest.Manifest, member: str, content: bytes | None
) -> Clips:
    """Replace (or drop) one member of the egomotion zip and open the data set anew."""
    snapshot = manifest.root(listing, data_root)
    path = snapshot / layout.chunk_path(layout.EGOMOTION, 0)
    with zipfile.ZipFile(path) as archive:
        kept = {name: archive.read(name) for name in archive.namelist() if name != member}
    if content is not None:
        kept[member] = content
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in kept.items():
            archive.writestr(name, data)
    files = manifest.describe(snapshot, [file.path for file in listing.files])
    return Clips(listing.model_copy(update={"files": files}), data_root)


def test_ego_windows_are_the_recording(tmp_path: Path) -> None:
    clips = recordings(2, seed=5)
    reader = _open(tmp_path, clips)
    for clip in clips:
        xy, yaw, speed = reader.ego_windows(clip.clip_id, T0_US)
        assert xy.shape == (3, 80, 2)
        assert yaw.shape == speed.shape == (3, 80)
        for k, t0 in enumerate(T0_US):
            times = t0 + np.arange(-15, 65) * 100_000
            rows = np.searchsorted(clip.egomotion_us, times)
            np.testing.assert_array_equal(clip.egomotion_us[rows], times)
            np.testing.assert_allclose(xy[k], clip.pose[rows, :2], atol=1e-9)
            np.testing.assert_allclose(yaw[k], clip.pose[rows, 2], atol=1e-9)
            np.testing.assert_allclose(speed[k], clip.speed[rows], atol=1e-9)


def test_yaw_is_unwrapped_and_reverse_is_a_negative_speed(tmp_path: Path) -> None:
    (clip,) = recordings(1)
    t = clip.egomotion_us / 1e6
    spinning = dataclasses.replace(
        clip,
        pose=np.stack([-2 * t, 0 * t, np.pi + 1 - 0.4 * t], axis=-1),
        speed=np.full_like(t, -2.0),
    )
    _, yaw, speed = _open(tmp_path, [spinning]).ego_windows(clip.clip_id, T0_US[:1])
    np.testing.assert_allclose(np.diff(yaw[0]), -0.04, atol=1e-9)
    np.testing.assert_allclose(speed, -2.0, atol=1e-3)


def test_frames_are_the_latest_at_or_before_t0(tmp_path: Path) -> None:
    (clip,) = recordings(1, fps=2)
    images = _open(tmp_path, [clip]).frames(clip.clip_id, T0_US)
    assert images.shape == (3, 36, 64, 3)
    assert images.dtype == np.uint8
    difference = np.abs(images.astype(int) - clip.frames[[3, 4, 5]].astype(int))
    assert difference.max() < 8  # two frames differ by 24


def test_frames_of_no_t0_and_outside_the_video(tmp_path: Path) -> None:
    (clip,) = recordings(1)
    reader = _open(tmp_path, [clip])
    assert reader.frames(clip.clip_id, T0_US[:0]).shape == (0, 36, 64, 3)
    with pytest.raises(UserError, match=f"{clip.clip_id}: no frames at"):
        reader.frames(clip.clip_id, np.array([9_000_000]))


def test_t0_grid_needs_frames_and_the_whole_window(tmp_path: Path) -> None:
    (clip,) = recordings(1, video_s=4.0, fps=2)  # last frame at 3.5 s
    reader = _open(tmp_path / "video", [clip])
    assert reader.t0_grid(clip.clip_id, 2.0, 0.5).tolist() == [
        2_000_000,
        2_500_000,
        3_000_000,
        3_500_000,
    ]
    assert reader.t0_grid(clip.clip_id, 0.3, 0.1)[0] == 500_000  # history from -1.0 s
    assert reader.t0_grid(clip.clip_id, 30.0, 0.5).size == 0
    late = dataclasses.replace(clip, frame_us=clip.frame_us + 700_000)
    reader = _open(tmp_path / "late", [late])
    assert reader.t0_grid(clip.clip_id, 0.5, 0.1)[0] == 700_000
    (short,) = recordings(1, video_s=4.0, margin_s=5.0)  # egomotion ends at 8.99 s
    reader = _open(tmp_path / "egomotion", [short])
    grid = reader.t0_grid(short.clip_id, 2.0, 0.5)
    assert grid.tolist() == [2_000_000, 2_500_000]
    reader.ego_windows(short.clip_id, grid)
    with pytest.raises(UserError, match=r"egomotion spans -1000000\.\.8990000 us"):
        reader.ego_windows(short.clip_id, grid + 500_000)


def test_camera_and_events(tmp_path: Path) -> None:
    clips = recordings(2)
    reader = _open(tmp_path, [clips[0], dataclasses.replace(clips[1], events=())])
    assert reader.camera(clips[0].clip_id) == camera()
    pose, written = reader.extrinsics(clips[0].clip_id), front_camera_extrinsics()
    assert pose.position == pytest.approx(written.position)
    np.testing.assert_allclose(pose.rotation, written.rotation, atol=1e-12)
    assert reader.events(clips[0].clip_id) == list(EVENTS)
    assert reader.events(clips[1].clip_id) == []


def test_a_camera_without_calibration_is_told(tmp_path: Path) -> None:
    (clip,) = recordings(1)
    listing = data_set(tmp_path, [clip]).model_copy(update={"camera": "camera_rear"})
    reader = Clips(listing, tmp_path)
    for read, named in ((reader.camera, "intrinsics"), (reader.extrinsics, "extrinsics")):
        with pytest.raises(UserError, match=rf"no {named} of camera_rear, only of \['{CAMERA}'"):
            read(clip.clip_id)


def test_clips_without_a_feature_or_marked_invalid_are_left_out(tmp_path: Path) -> None:
    ids = [clip.clip_id for clip in recordings(5)]
    listing = data_set(
        tmp_path,
        recordings(5),
        clips_per_chunk=4,
        without={ids[0]: (layout.EGOMOTION,), ids[1]: (CAMERA,)},
        invalid=(ids[2],),
    )
    reader = Clips(listing, tmp_path)
    assert reader.clip_ids(0) == [ids[3]]
    assert reader.clip_ids(1) == [ids[4]]
    assert reader.missing(0) == {
        ids[0]: "no egomotion",
        ids[1]: f"no {CAMERA}",
        ids[2]: "marked as not valid",
    }
    assert reader.missing(1) == {}
    with pytest.raises(UserError, match="no chunk 2"):
        reader.clip_ids(2)


def test_the_official_interface_finds_every_feature(tmp_path: Path) -> None:
    clips = recordings(3)
    listing = data_set(tmp_path, clips)
    official = PhysicalAIAVDatasetInterface(
        "main", repo_id=layout.SYNTHETIC_REPO, cache_dir=tmp_path, token=False
    )
    assert official.features.CAMERA.CAMERA_FRONT_WIDE_120FOV == CAMERA
    assert set(official.chunk_feature_presence.index) == set(listing.chunks)
    for clip in clips:
        vehicle = official.get_clip_feature(clip.clip_id, layout.VEHICLE_DIMENSIONS)
        assert vars(vehicle) == vars(VEHICLE)
        mount = official.get_clip_feature(clip.clip_id, layout.SENSOR_EXTRINSICS).sensor_poses[
            CAMERA
        ]
        np.testing.assert_allclose(mount.apply([0.0, 0.0, 10.0]), [11.7, 0.0, 1.5], atol=1e-12)
        paths = official.get_clip_feature_paths(clip.clip_id, CAMERA)
        assert set(paths) == {"video", "frame_timestamps", "blurred_boxes"}
        state = official.get_clip_feature(clip.clip_id, layout.EGOMOTION)(0)
        np.testing.assert_allclose(state.pose.translation, 0, atol=1e-9)
        assert state.pose.rotation.magnitude() == pytest.approx(0, abs=1e-9)


def test_our_camera_projects_as_the_official_one(tmp_path: Path) -> None:
    listing = data_set(tmp_path, recordings(1))
    official = PhysicalAIAVDatasetInterface(
        listing.revision, repo_id=listing.repo_id, cache_dir=tmp_path, token=False
    )
    clip_id = recordings(1)[0].clip_id
    model = official.get_clip_feature(clip_id, layout.CAMERA_INTRINSICS).camera_models[CAMERA]
    rays = np.random.default_rng(0).normal(size=(50, 3))
    np.testing.assert_allclose(camera().project(rays), model.ray2pixel(rays), atol=1e-9)
    pixels = camera().project(rays[rays[:, 2] > 0])
    np.testing.assert_allclose(camera().unproject(pixels), model.pixel2ray(pixels), atol=1e-9)


@pytest.mark.parametrize("feature", [CAMERA, layout.EGOMOTION, layout.CAMERA_INTRINSICS])
def test_a_cut_chunk_names_the_file_and_its_sizes(tmp_path: Path, feature: str) -> None:
    (clip,) = recordings(1)
    listing = data_set(tmp_path, [clip])
    path = manifest.root(listing, tmp_path) / layout.chunk_path(feature, 0)
    size = path.stat().st_size
    path.write_bytes(path.read_bytes()[: size // 2])
    reader = Clips(listing, tmp_path)
    message = rf"{path.name} in .* has {size // 2} bytes, expected {size}; .*avvla data fetch"
    with pytest.raises(UserError, match=message):
        reader.t0_grid(clip.clip_id, 2.0, 0.5)
    path.unlink()
    with pytest.raises(UserError, match=rf"{path.name} is missing .*: expected {size} bytes; "):
        reader.camera(clip.clip_id)


def test_missing_or_damaged_metadata(tmp_path: Path) -> None:
    listing = data_set(tmp_path, recordings(1))
    path = manifest.root(listing, tmp_path) / layout.CLIP_INDEX
    path.write_bytes(bytes(path.stat().st_size))
    with pytest.raises(UserError, match=r"metadata in .* cannot be read .*avvla data fetch"):
        Clips(listing, tmp_path)
    path.unlink()
    with pytest.raises(UserError, match=f"{layout.CLIP_INDEX} is missing"):
        Clips(listing, tmp_path)
    with pytest.raises(UserError, match="cannot be read"):
        Clips(listing.model_copy(update={"files": ()}), tmp_path)


def test_a_damaged_reasoning_file_is_told(tmp_path: Path) -> None:
    (clip,) = recordings(1)
    reader = _open(tmp_path, [clip])
    (path,) = tmp_path.rglob(layout.REASONING)
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(UserError, match=r"ood_reasoning\.parquet in .* cannot be read"):
        reader.events(clip.clip_id)


def test_online_mode_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    listing = data_set(tmp_path, recordings(1))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    with pytest.raises(UserError, match="set HF_HUB_OFFLINE=1"):
        Clips(listing, tmp_path)


def test_an_unknown_clip_is_named(tmp_path: Path) -> None:
    reader = _open(tmp_path, recordings(1))
    with pytest.raises(UserError, match="clip nobody is not in"):
        reader.camera("nobody")


def test_a_clip_without_its_egomotion_member(tmp_path: Path) -> None:
    clips = recordings(2)
    listing = data_set(tmp_path, clips)
    reader = _rewrite(tmp_path, listing, f"{clips[0].clip_id}.egomotion.parquet", None)
    with pytest.raises(UserError, match=f"{clips[0].clip_id}: egomotion cannot be read"):
        reader.ego_windows(clips[0].clip_id, T0_US)
    reader.ego_windows(clips[1].clip_id, T0_US)


@pytest.mark.parametrize(
    "damage",
    ["x", "vy", "az", "curvature", "qw", "infinite", "unsorted", "repeated", "empty", "no column"],
)
def test_unusable_egomotion_names_the_clip(tmp_path: Path, damage: str) -> None:
    (clip,) = recordings(1)
    listing = data_set(tmp_path, [clip])
    member = f"{clip.clip_id}.egomotion.parquet"
    path = manifest.root(listing, tmp_path) / layout.chunk_path(layout.EGOMOTION, 0)
    with zipfile.ZipFile(path) as archive:
        table = pd.read_parquet(io.BytesIO(archive.read(member)))
    if damage == "infinite":
        table.loc[20, "qz"] = np.inf
    elif damage in table:
        table.loc[20, damage] = np.nan
    elif damage == "empty":
        table = table.iloc[:0]
    elif damage == "no column":
        table = table.drop(columns="vx")
    else:
        source = 60 if damage == "unsorted" else 19
        table.loc[20, "timestamp"] = table.loc[source, "timestamp"]
    content = io.BytesIO()
    table.to_parquet(content)
    reader = _rewrite(tmp_path, listing, member, content.getvalue())
    with pytest.raises(UserError, match=f"clip {clip.clip_id}: egomotion ") as caught:
        reader.ego_windows(clip.clip_id, T0_US)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[1]",
        "3",
        "[" * 100_000,
        '[{"cot": "x"}]',
        '[{"event_start_timestamp": 1}]',
        '[{"event_start_timestamp": 1, "cot": null}]',
        '[{"event_start_timestamp": Infinity, "cot": "x"}]',
        '[{"event_start_timestamp": 1e30, "cot": "x"}]',
    ],
)
def test_malformed_events_name_the_clip(tmp_path: Path, text: str) -> None:
    (clip,) = recordings(1)
    reader = _open(tmp_path, [clip])
    _set_events(tmp_path, clip.clip_id, text)
    with pytest.raises(UserError, match=f"clip {clip.clip_id}: malformed events") as caught:
        reader.events(clip.clip_id)
    assert "\n" not in str(caught.value)


def test_facts_of_a_chunk_are_its_files_its_clips_and_their_events(tmp_path: Path) -> None:
    clips = recordings(4)
    listing = data_set(tmp_path, clips, invalid=(clips[1].clip_id,))
    reader, (first, *_) = Clips(listing, tmp_path), clips
    files = [file.sha256 for file in listing.of_chunk(0)]
    assert reader.facts(0) == {"clips": [first.clip_id], "files": files}
    before = [reader.facts(chunk, events=True) for chunk in (0, 1)]
    assert list(before[0]["clips"]) == [first.clip_id]
    _set_events(tmp_path, first.clip_id, "malformed, which concerns its chunk alone")
    listing = listing.model_copy(update={"files": manifest.describe(
        manifest.root(listing, tmp_path), [file.path for file in listing.files]
    )})  # fmt: skip
    after = [Clips(listing, tmp_path).facts(chunk, events=True) for chunk in (0, 1)]
    assert after[0]["clips"] == {first.clip_id: ["malformed, which concerns its chunk alone"]}
    # The file with all events holds no others now, yet clips without any say so.
    assert after[1]["clips"] == {clip: [] for clip in before[1]["clips"]}


def test_a_clip_may_be_listed_without_events(tmp_path: Path) -> None:
    (clip,) = recordings(1)
    reader = _open(tmp_path, [clip])
    _set_events(tmp_path, clip.clip_id, None)
    assert reader.events(clip.clip_id) == []


def test_coc_is_read_as_cot_and_no_reasoning_file_is_told(tmp_path: Path) -> None:
    (clip,) = recordings(1)
    listing = data_set(tmp_path, [clip])
    reader = Clips(listing, tmp_path)
    _set_events(tmp_path, clip.clip_id, '[{"event_start_timestamp": 5, "coc": "Keep left"}]')
    assert reader.events(clip.clip_id) == [(5, "Keep left")]
    files = tuple(file for file in listing.files if file.path != layout.REASONING)
    reader = Clips(listing.model_copy(update={"files": files}), tmp_path)
    with pytest.raises(UserError, match=r"lists no reasoning/ood_reasoning\.parquet"):
        reader.events(clip.clip_id)


@settings(
    max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(st.integers(0), st.integers(1, 255), st.sampled_from([CAMERA, layout.EGOMOTION]))
def test_a_flipped_byte_is_harmless_or_a_user_error(
    tmp_path: Path, position: int, mask: int, feature: str
) -> None:
    (clip,) = recordings(1)
    listing = data_set(tmp_path, [clip])
    path = manifest.root(listing, tmp_path) / layout.chunk_path(feature, 0)
    content = bytearray(path.read_bytes())
    content[-1 - position % len(content)] ^= mask
    path.write_bytes(content)
    reader = Clips(listing, tmp_path)
    with contextlib.suppress(UserError):
        reader.frames(clip.clip_id, reader.t0_grid(clip.clip_id, 2.0, 0.5))


def _set_events(data_root: Path, clip_id: str, text: str | None) -> None:
    (path,) = data_root.rglob(layout.REASONING)
    table = pd.DataFrame({"events": [text]}, index=pd.Index([clip_id], name="clip_id"))
    table.to_parquet(path)
