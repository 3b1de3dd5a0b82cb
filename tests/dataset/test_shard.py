"""A shard: LeRobot's view of one chunk."""

import shutil
from dataclasses import replace

import numpy as np
import pytest
from lerobot.datasets import LeRobotDataset

from avvla.dataset import shard
from avvla.dataset.samples import join, samples
from avvla.errors import UserError
from avvla.physical_ai.reader import Clips
from avvla.policy.configuration_field_agent import features as policy_features


@pytest.fixture
def build(tmp_path_factory):
    """Builds the shard of a chunk: (its folder, its report)."""

    def build(inputs, chunk=0):
        path = tmp_path_factory.mktemp("shard") / "shard"
        where = {name: getattr(inputs, name) for name in ("listing", "data_root", "labels")}
        shard.build_shard(
            chunk, path, build=inputs.params.build, fps=2, actions=inputs.actions, **where
        )
        return path, shard.read_report(path)

    return build


def test_lerobot_reads_what_was_written(make_inputs, build):
    inputs = make_inputs(2)
    folder, report = build(inputs)
    root = folder / "lerobot"
    dataset = LeRobotDataset(shard.REPO_ID, root=root, video_backend="pyav", return_uint8=True)
    rows = join(inputs.labels / "chunk_0000.parquet", inputs.actions / "chunk_0000.parquet")
    parts = list(samples(Clips(inputs.listing, inputs.data_root), rows, inputs.params.build))
    assert report.clips == [part.clip_id for part in parts]
    assert report.frames == [4, 4]
    assert report.commands == {"Follow the lane": 8}
    assert (dataset.fps, dataset.num_episodes, len(dataset)) == (2, 2, 8)
    for i in range(8):
        item, part, k = dataset[i], parts[i // 4], i % 4
        assert item["episode_index"] == i // 4
        assert item["task"] == "Follow the lane"
        assert item["t0_us"] == part.t0_us[k]
        for name, value in (
            ("observation.state", part.state),
            ("action", part.action),
            ("trajectory", part.trajectory),
        ):
            np.testing.assert_array_equal(item[name].numpy(), value[k])
        seen = item["observation.images.front_wide"].permute(1, 2, 0).numpy().astype(float)
        assert np.abs(seen - part.image[k]).max() < 5


def test_thin_lines_survive_the_video(tmp_path, make_inputs):
    inputs = make_inputs(2, image_size=96)
    rows = join(inputs.labels / "chunk_0000.parquet", inputs.actions / "chunk_0000.parquet")
    part = next(samples(Clips(inputs.listing, inputs.data_root), rows, inputs.params.build))
    image = np.full_like(part.image, 90)
    for column in range(8, 96, 11):
        image[:, 40:, column] = 200
    with shard._create(tmp_path / "lines", 2, 96, set(part.command)) as writer:
        shard._add_episode(writer, replace(part, image=image))
    root = tmp_path / "lines"
    dataset = LeRobotDataset(shard.REPO_ID, root=root, video_backend="pyav", return_uint8=True)
    seen = np.stack([dataset[i][shard.IMAGE].permute(1, 2, 0).numpy() for i in range(4)])
    assert np.sqrt(np.mean((seen.astype(float) - image) ** 2)) < 2.0


def test_the_features_are_the_policy_s():
    inputs, outputs = policy_features(96)
    written = shard.features(96)
    assert {**inputs, **outputs}.keys() <= written.keys()
    for name, feature in {**inputs, **outputs}.items():
        assert sorted(written[name]["shape"]) == sorted(feature.shape)


def test_a_chunk_without_samples_gives_an_empty_shard(make_inputs, edit, build):
    inputs = make_inputs(2)
    edit(inputs.labels / "chunk_0000.parquet", lambda table: table.assign(consistent=False))
    folder, report = build(inputs)
    assert (report.clips, report.dropped["inconsistent label"]) == ([], 8)
    assert not (folder / "lerobot").exists()


def test_tasks_are_numbered_in_the_order_of_their_text(make_inputs, edit, build):
    inputs = make_inputs(2)
    commands = ["Turn left", "Stop", "Go straight", "Yield"] * 2
    edit(inputs.labels / "chunk_0000.parquet", lambda table: table.assign(command=commands))
    root = build(inputs)[0] / "lerobot"
    dataset = LeRobotDataset(shard.REPO_ID, root=root, video_backend="pyav")
    assert list(dataset.meta.tasks.index) == sorted(set(commands))
    assert [dataset[i]["task"] for i in range(8)] == commands


def test_a_truncated_chunk_is_told(make_inputs, build):
    inputs = make_inputs(2)
    video = next(inputs.data_root.rglob("camera*.zip"))
    video.write_bytes(video.read_bytes()[:-100])
    with pytest.raises(UserError, match=r"camera.*\.zip in .* has \d+ bytes, expected"):
        build(inputs)
    shutil.rmtree(inputs.data_root)
    with pytest.raises(UserError, match=r"is missing from"):
        build(inputs)


@pytest.mark.parametrize(("stride", "rate"), [(1.0, 1), (0.5, 2), (0.2, 5), (0.1, 10)])
def test_the_frame_rate_is_that_of_t0(stride, rate):
    assert shard.frames_per_second(stride) == rate


@pytest.mark.parametrize("stride", [0.3, 1.5, 3.0])
def test_a_frame_rate_that_is_not_whole_is_refused(stride):
    with pytest.raises(UserError, match=r"LeRobot needs a whole number"):
        shard.frames_per_second(stride)
