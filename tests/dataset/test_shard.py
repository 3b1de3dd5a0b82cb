"""A shard: LeRobot's view of one chunk, kept while nothing that it depends on changes."""

import shutil
from dataclasses import replace

import numpy as np
import pytest
from lerobot.datasets import LeRobotDataset

from avvla.config import Params
from avvla.dataset import shard
from avvla.dataset.samples import join, samples
from avvla.errors import UserError
from avvla.physical_ai.reader import Clips
from avvla.policy.configuration_field_agent import features as policy_features


def test_lerobot_reads_what_was_written(make_inputs):
    inputs = make_inputs(2)
    report = shard.build_shard(inputs, 0)
    root = shard.shard_folder(inputs, 0) / "lerobot"
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
    with shard._create(tmp_path / "lines", inputs.params, set(part.command)) as writer:
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


def test_a_finished_shard_is_kept(make_inputs, monkeypatch):
    inputs = make_inputs(2)
    first = shard.build_shard(inputs, 0)
    monkeypatch.setattr(shard, "_create", None)
    assert shard.build_shard(inputs, 0) == first


def test_an_interrupted_shard_is_made_again(make_inputs, monkeypatch):
    inputs = make_inputs(2)
    with monkeypatch.context() as patch:
        patch.setattr(shard, "_add_episode", _interrupt)
        with pytest.raises(KeyboardInterrupt):
            shard.build_shard(inputs, 0)
    assert not shard.shard_folder(inputs, 0).exists()
    assert shard.build_shard(inputs, 0).frames == [4, 4]


def _interrupt(*_):
    raise KeyboardInterrupt


def test_it_depends_on_all_that_shapes_it(make_inputs, edit):
    inputs = make_inputs(4)
    before = shard.shard_folder(inputs, 0)

    def with_params(**sections):
        merged = inputs.params.model_dump() | {
            name: inputs.params.model_dump()[name] | values for name, values in sections.items()
        }
        return replace(inputs, params=Params.model_validate(merged))

    assert shard.shard_folder(inputs, 1) != before
    assert shard.shard_folder(with_params(build={"image_size": 64}), 0) != before
    assert shard.shard_folder(with_params(dataset={"t0_stride_s": 0.25}), 0) != before
    assert shard.shard_folder(with_params(build={"validation": 0.4}), 0) == before
    assert shard.shard_folder(with_params(train={"steps": 1}), 0) == before
    edit(inputs.labels / "chunk_0000.parquet", lambda table: table.assign(command="Stop"))
    assert shard.shard_folder(inputs, 0) != before


def test_a_chunk_without_samples_gives_an_empty_shard(make_inputs, edit):
    inputs = make_inputs(2)
    edit(inputs.labels / "chunk_0000.parquet", lambda table: table.assign(consistent=False))
    report = shard.build_shard(inputs, 0)
    assert (report.clips, report.dropped["inconsistent label"]) == ([], 8)
    assert not (shard.shard_folder(inputs, 0) / "lerobot").exists()


def test_tasks_are_numbered_in_the_order_of_their_text(make_inputs, edit):
    inputs = make_inputs(2)
    commands = ["Turn left", "Stop", "Go straight", "Yield"] * 2
    edit(inputs.labels / "chunk_0000.parquet", lambda table: table.assign(command=commands))
    shard.build_shard(inputs, 0)
    root = shard.shard_folder(inputs, 0) / "lerobot"
    dataset = LeRobotDataset(shard.REPO_ID, root=root, video_backend="pyav")
    assert list(dataset.meta.tasks.index) == sorted(set(commands))
    assert [dataset[i]["task"] for i in range(8)] == commands


def test_a_truncated_chunk_is_told(make_inputs):
    inputs = make_inputs(2)
    video = next(inputs.data_root.rglob("camera*.zip"))
    video.write_bytes(video.read_bytes()[:-100])
    with pytest.raises(UserError, match=r"camera.*\.zip in .* has \d+ bytes, expected"):
        shard.build_shard(inputs, 0)
    assert not list(inputs.work.rglob("report.json"))
    shutil.rmtree(inputs.data_root)
    with pytest.raises(UserError, match=r"is missing from"):
        shard.build_shard(inputs, 0)


@pytest.mark.parametrize(("stride", "rate"), [(1.0, 1), (0.5, 2), (0.2, 5), (0.1, 10)])
def test_the_frame_rate_is_that_of_t0(stride, rate):
    params = Params.model_validate({"dataset": {"t0_stride_s": stride}})
    assert shard.frames_per_second(params) == rate


@pytest.mark.parametrize("stride", [0.3, 1.5, 3.0])
def test_a_frame_rate_that_is_not_whole_is_refused(stride):
    params = Params.model_validate({"dataset": {"t0_stride_s": stride}})
    with pytest.raises(UserError, match=r"LeRobot needs a whole number"):
        shard.frames_per_second(params)
