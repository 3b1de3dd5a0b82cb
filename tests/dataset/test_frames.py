"""Samples in memory: equal to LeRobot's own reading, and damage told."""

import shutil

import numpy as np
import pytest
from lerobot.datasets import LeRobotDataset

from avvla.dataset import frames, split
from avvla.dataset.shard import REPO_ID
from avvla.errors import UserError


@pytest.fixture
def root(built, tmp_path):
    """A copy of the data set to damage."""
    return shutil.copytree(built, tmp_path / "lerobot")


@pytest.mark.parametrize("episodes", [[0, 1, 2, 3, 4], [1, 3], [4, 2]])
def test_samples_equal_what_lerobot_reads(built, episodes):
    samples = frames.load(built, episodes)
    dataset = LeRobotDataset(
        REPO_ID, root=built, episodes=sorted(episodes), video_backend="pyav", return_uint8=True
    )
    clips = dict(enumerate(_clips(built)))
    assert len(samples.command) == len(dataset) == 4 * len(episodes)
    for i in range(len(dataset)):
        item = dataset[i]
        seen = item["observation.images.front_wide"].permute(1, 2, 0).numpy()
        np.testing.assert_array_equal(samples.image[i], seen)
        np.testing.assert_array_equal(samples.state[i], item["observation.state"].numpy())
        np.testing.assert_array_equal(samples.action[i], item["action"].numpy())
        np.testing.assert_array_equal(samples.trajectory[i], item["trajectory"].numpy())
        assert samples.command[i] == item["task"]
        assert samples.episode[i] == item["episode_index"]
        assert samples.clip_id[i] == clips[int(samples.episode[i])]
    for array, dtype in (
        (samples.image, np.uint8),
        (samples.state, np.float32),
        (samples.action, np.float32),
        (samples.trajectory, np.float32),
        (samples.episode, np.int64),
    ):
        assert array.dtype == dtype


def _clips(root):
    parts = split.load(root)
    pairs = [
        pair
        for part in (parts.train, parts.validation)
        for pair in zip(part.episodes, part.clips, strict=True)
    ]
    return [clip for _, clip in sorted(pairs)]


def test_episodes_that_are_not_there_are_told(built):
    with pytest.raises(UserError, match=r"has no episodes \[-1, 5\], only 5 from 0 on"):
        frames.load(built, [0, 5, -1])


def test_an_empty_split_is_told(built):
    with pytest.raises(UserError, match=r"the split is empty"):
        frames.load(built, [])


def test_a_folder_without_a_data_set_is_told(tmp_path):
    with pytest.raises(UserError, match=r"nowhere holds no LeRobot data set: .*build_dataset"):
        frames.load(tmp_path / "nowhere", [0])
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize("keep", [0, 200, -400])
def test_a_damaged_video_is_told(root, keep):
    video = sorted(root.rglob("*.mp4"))[1]
    video.write_bytes(video.read_bytes()[:keep])
    with pytest.raises(UserError, match=r"file-001.mp4 (cannot be decoded|lacks \d frames)"):
        frames.load(root, [2, 3])


def test_a_video_of_another_data_set_is_told(root):
    videos = sorted(root.rglob("*.mp4"))
    shutil.copy(videos[2], videos[1])  # one episode instead of two
    with pytest.raises(UserError, match=r"file-001.mp4 lacks 4 frames, the first at 2.000 s"):
        frames.load(root, [2, 3])


def test_a_missing_split_is_told(root):
    (root / split.FILE).unlink()
    with pytest.raises(UserError, match=r"split.json is missing"):
        frames.load(root, [0])


@pytest.mark.parametrize("keep", [None, 0, -50])
@pytest.mark.parametrize(
    "name",
    [
        "data/chunk-000/file-001.parquet",
        "meta/episodes/chunk-000/file-000.parquet",
        "meta/info.json",
        "meta/tasks.parquet",
        "videos/observation.images.front_wide/chunk-000/file-001.mp4",
    ],
)
def test_every_missing_or_damaged_file_is_told(root, name, keep):
    path = root / name
    content = path.read_bytes()
    path.unlink()
    if keep is not None:
        path.write_bytes(content[:keep])
    with pytest.raises(UserError, match=r"dvc repro build_dataset"):
        frames.load(root, [2, 3])
