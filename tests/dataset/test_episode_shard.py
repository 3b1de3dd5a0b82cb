import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from factory import contents
from hdf5_factory import SIZE, TASK, episodes, inputs, picture, put, put_jpeg
from lerobot.datasets import LeRobotDataset

from avvla.dataset import split
from avvla.dataset.builder import build, shards
from avvla.dataset.episode_shard import gapless
from avvla.dataset.shard import read_report
from avvla.errors import UserError
from avvla.hdf5.episode import Episode
from avvla.hdf5.image import square

CAMERAS = [f"observation.images.camera{i}" for i in (1, 2, 3)]


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Five episodes of 8 to 12 frames in three chunks, nothing wrong with them."""
    folder = tmp_path_factory.mktemp("built")
    episodes(folder / "episodes", 5)
    metrics = build(inputs(folder, {"state": "both"}), folder / "lerobot", 1)
    return folder, metrics


def test_a_frame_of_the_data_set_is_a_frame_of_the_file(built):
    folder, metrics = built
    dataset = LeRobotDataset("a/b", root=folder / "lerobot", video_backend="pyav")
    assert dataset.meta.camera_keys == CAMERAS
    assert (dataset.fps, dataset.meta.robot_type) == (15, "robot_arm")
    assert dataset.meta.features["observation.state"]["names"][6:] == [f"q{i}" for i in range(1, 7)]
    assert (len(dataset), dataset.num_episodes) == (50, 5)
    assert metrics["dropped"] == {}
    for number, first in ((0, 0), (3, 8 + 9 + 10)):
        path = folder / f"episodes/day_{number // 2}/episode_20250101_0000{number:02d}.h5"
        with Episode.open(path, "a") as episode:
            for frame in (0, 4):
                item = dataset[first + frame]
                assert item["task"] == TASK
                assert (item["episode_index"], item["source_frame"]) == (number, frame)
                assert item["timestamp"] == pytest.approx(frame / 15)
                np.testing.assert_array_equal(item["action"], episode.action("recorded")[frame])
                np.testing.assert_array_equal(
                    item["observation.state"], episode.state("both")[frame]
                )
                for camera, name in enumerate(CAMERAS):
                    image = (item[name].permute(1, 2, 0) * 255).numpy()
                    wanted = square(picture(camera, frame, seed=number), SIZE)
                    assert np.abs(image - wanted).mean() < 12, (name, frame)


def test_pictures_of_the_cameras_differ_as_they_do_in_the_file(built):
    folder, _ = built
    item = LeRobotDataset("a/b", root=folder / "lerobot", video_backend="pyav")[2]
    for camera, name in enumerate(CAMERAS):
        # Below the padding the camera's own colour is the strongest.
        assert item[name][:, SIZE // 2 :].mean(dim=(1, 2)).argmax() == camera


def test_statistics_are_those_of_the_data(built):
    folder, _ = built
    dataset = LeRobotDataset("a/b", root=folder / "lerobot", video_backend="pyav")
    stored = json.loads((folder / "lerobot/meta/stats.json").read_text())
    for name, width in (("action", 6), ("observation.state", 12)):
        values = torch.stack([row[name] for row in dataset.hf_dataset.select_columns(name)])
        assert values.shape == (50, width)
        np.testing.assert_allclose(stored[name]["mean"], values.mean(0), atol=1e-5)
        np.testing.assert_allclose(stored[name]["std"], values.std(0, correction=0), atol=1e-5)


def test_the_split_is_by_file(built):
    folder, metrics = built
    parts = split.load(folder / "lerobot")
    assert len(parts.validation.clips) == 1
    assert metrics["train"]["frames"] + metrics["validation"]["frames"] == 50


def test_the_same_episodes_make_the_same_bytes(built, tmp_path):
    folder, _ = built
    episodes(tmp_path / "episodes", 5)
    build(inputs(tmp_path, {"state": "both"}), tmp_path / "lerobot", 1)
    assert contents(tmp_path, "lerobot") == contents(folder, "lerobot")


def test_the_data_set_has_the_cameras_that_the_map_names(tmp_path):
    paths = episodes(tmp_path / "episodes", 2)
    put_jpeg(paths[0], "side_camera", 3, b"\0")  # not used
    chosen = {"top_camera": "camera1", "tool_camera": "wrist"}
    metrics = build(inputs(tmp_path, {"cameras": chosen}), tmp_path / "lerobot", 1)
    assert metrics["dropped"] == {}
    dataset = LeRobotDataset("a/b", root=tmp_path / "lerobot", video_backend="pyav")
    assert dataset.meta.camera_keys == [
        "observation.images.camera1",
        "observation.images.wrist",
    ]
    for name, camera in (("camera1", 2), ("wrist", 1)):
        colour = dataset[2][f"observation.images.{name}"][:, SIZE // 2 :].mean(dim=(1, 2))
        assert colour.argmax() == camera


@pytest.fixture
def faulty(tmp_path):
    """Two episodes of 8 and 9 frames; the first has gaps that leave 3, 1 and 2 of its frames."""
    paths = episodes(tmp_path / "episodes", 2)
    put_jpeg(paths[0], "tool_camera", 3, b"\0")
    put(paths[0], "action", (5, 0), np.nan)
    return inputs(tmp_path, {"max_faulty": 0.5})


def test_a_frame_that_cannot_be_used_ends_its_episode(faulty, tmp_path):
    metrics = build(faulty, tmp_path / "lerobot", 1)
    assert metrics["dropped"] == {"no action": 1, "no image": 1, "single frame": 1}
    dataset = LeRobotDataset("a/b", root=tmp_path / "lerobot", video_backend="pyav")
    assert dataset.hf_dataset["source_frame"][:5] == [0, 1, 2, 6, 7]
    assert dataset.hf_dataset["episode_index"][:6] == [0, 0, 0, 1, 1, 2]
    assert dataset.hf_dataset["timestamp"][3] == 0.0
    parts = split.load(tmp_path / "lerobot")
    first = "day_0/episode_20250101_000000"
    sides = [side for side in (parts.train, parts.validation) if first in side.clips]
    assert [side.clips for side in sides] == [(first, first)]
    assert sides[0].episodes == (0, 1)


def test_no_seed_parts_the_episodes_of_a_file(faulty):
    (report,) = [read_report(folder) for folder in shards(faulty, 1)]
    assert report.frames == [3, 2, 9]
    for seed in range(20):
        parts = split.split_clips(report.clips, report.groups, 0.25, seed)
        assert sorted([parts.train.episodes, parts.validation.episodes]) == [(0, 1), (2,)]


def test_a_picture_lost_after_its_actions_were_taken_is_told(tmp_path):
    paths = episodes(tmp_path / "episodes", 2)
    made = inputs(tmp_path)
    put_jpeg(paths[0], "tool_camera", 2, b"none")
    with pytest.raises(UserError, match=r"000000.h5 frame 2: tool_camera has 4 bytes"):
        build(made, tmp_path / "lerobot", 1)
    assert not (tmp_path / "lerobot").exists()


def test_tables_of_other_episodes_are_refused(faulty, tmp_path):
    path = faulty.labels / "chunk_0000.parquet"
    pq.write_table(pq.read_table(path)[1:], path)
    with pytest.raises(UserError, match=r"has 16 rows and .* has 17, expected the same frames"):
        build(faulty, tmp_path / "lerobot", 1)
    assert not (tmp_path / "lerobot").exists()


def test_no_usable_frame_is_told_with_the_reasons(tmp_path):
    for path in episodes(tmp_path / "episodes", 2):
        put(path, "action", slice(None), np.nan)
    with pytest.raises(UserError, match=r"no usable sample, left out were: 17 no action"):
        build(inputs(tmp_path, {"max_faulty": 1.0}), tmp_path / "lerobot", 1)


@pytest.mark.parametrize(
    ("valid", "runs"),
    [
        ([True] * 3, [[0, 1, 2]]),
        ([True, True, False, True, False, True, True], [[0, 1], [5, 6]]),
        ([False, False], []),
        ([True], []),
    ],
)
def test_runs_of_usable_frames(valid, runs):
    rows = pa.table({"valid": valid, "frame": list(range(len(valid)))})
    assert [part["frame"].to_pylist() for part in gapless(rows)] == runs
