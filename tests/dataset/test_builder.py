"""The data set of all chunks: the same bytes each time, or one sentence why not."""

import json
from dataclasses import replace

import numpy as np
import pytest
from lerobot.datasets import LeRobotDataset

from avvla.config import Params
from avvla.dataset import shard, split
from avvla.dataset.builder import build, shards
from avvla.dataset.shard import REPO_ID
from avvla.errors import UserError


def test_chunks_are_joined_in_order(make_inputs, tmp_path):
    inputs = make_inputs(5)
    metrics = build(inputs, tmp_path / "lerobot", 1)
    dataset = LeRobotDataset(REPO_ID, root=tmp_path / "lerobot", video_backend="pyav")
    assert (dataset.num_episodes, len(dataset), dataset.fps) == (5, 20, 2)
    parts = split.load(tmp_path / "lerobot")
    assert sorted(parts.train.episodes + parts.validation.episodes) == list(range(5))
    assert len(parts.validation.episodes) == 1
    assert metrics == {
        "commands": {"Follow the lane": 20},
        "dropped": {"inconsistent label": 0, "invalid action": 0, "single sample": 0},
        "train": {"episodes": 4, "frames": 16},
        "validation": {"episodes": 1, "frames": 4},
    }
    # Frame times restart in every video and every episode: the last frame must be the brightest.
    brightness = [float(dataset[i]["observation.images.front_wide"].mean()) for i in range(20)]
    assert (np.diff(np.reshape(brightness, (5, 4))) > 0.05).all()


def test_two_builds_have_the_same_bytes(make_inputs, tmp_path, edit):
    inputs = make_inputs(4)
    edit(
        inputs.labels / "chunk_0001.parquet",
        lambda table: table.assign(command=["Stop", "Turn left", "Yield", "Go straight"] * 2),
    )
    first = build(inputs, tmp_path / "first", 1)
    second = build(replace(inputs, work=tmp_path / "fresh"), tmp_path / "second", 1)
    assert first == second
    contents = _contents(tmp_path / "first")
    assert len(contents) == 10
    assert contents == _contents(tmp_path / "second")
    statistics = (tmp_path / "first/meta/stats.json").read_text()
    assert list(json.loads(statistics)) == sorted(json.loads(statistics))


def _contents(root):
    files = [path for path in root.rglob("*") if path.is_file()]
    return {path.relative_to(root): path.read_bytes() for path in files}


def test_finished_shards_are_kept(make_inputs, tmp_path, monkeypatch):
    inputs = make_inputs(4)
    first = build(inputs, tmp_path / "first", 1)
    monkeypatch.setattr(shard, "_create", None)
    assert build(inputs, tmp_path / "second", 1) == first
    assert _contents(tmp_path / "first") == _contents(tmp_path / "second")


def test_a_shard_is_named_by_all_that_shapes_it(make_inputs, edit):
    inputs = make_inputs(4, validation=0.5)

    def with_params(**sections):
        merged = inputs.params.model_dump() | {
            name: inputs.params.model_dump()[name] | values for name, values in sections.items()
        }
        return replace(inputs, params=Params.model_validate(merged))

    before = shards(inputs, 1)
    assert set(shards(with_params(build={"image_size": 64}), 1)).isdisjoint(before)
    assert set(shards(with_params(dataset={"t0_stride_s": 0.25}), 1)).isdisjoint(before)
    assert shards(with_params(build={"validation": 0.4}), 1) == before
    assert shards(with_params(train={"steps": 1}), 1) == before
    edit(inputs.labels / "chunk_0000.parquet", lambda table: table.assign(command="Stop"))
    after = shards(inputs, 1)
    assert (after[0] != before[0], after[1] == before[1]) == (True, True)


def test_files_can_be_read_by_others(make_inputs, tmp_path):
    build(make_inputs(2, validation=0.5), tmp_path / "lerobot", 1)
    for path in (tmp_path / "lerobot").rglob("*"):
        assert path.stat().st_mode & 0o044 == 0o044


def test_an_empty_chunk_is_left_out(make_inputs, tmp_path, edit):
    inputs = make_inputs(6)
    edit(inputs.actions / "chunk_0001.parquet", lambda table: table.assign(valid=False))
    metrics = build(inputs, tmp_path / "lerobot", 1)
    assert metrics["dropped"]["invalid action"] == 8
    assert LeRobotDataset(REPO_ID, root=tmp_path / "lerobot").num_episodes == 4


def test_nothing_usable_is_told(make_inputs, tmp_path, edit):
    inputs = make_inputs(2)
    edit(inputs.labels / "chunk_0000.parquet", lambda table: table.assign(consistent=False))
    with pytest.raises(UserError, match=r"no usable sample, left out were: 8 inconsistent label"):
        build(inputs, tmp_path / "lerobot", 1)
    assert not (tmp_path / "lerobot").exists()


def test_too_few_clips_to_split_are_told(make_inputs, tmp_path, edit):
    inputs = make_inputs(1)
    with pytest.raises(UserError, match=r"leaves none to train on"):
        build(inputs, tmp_path / "lerobot", 1)
    assert not (tmp_path / "lerobot").exists()


def test_missing_labels_are_told_with_their_chunk(make_inputs, tmp_path):
    inputs = make_inputs(4)
    (inputs.labels / "chunk_0001.parquet").unlink()
    with pytest.raises(UserError, match=r"^build chunk 0001: .*chunk_0001.parquet is missing"):
        build(inputs, tmp_path / "lerobot", 1)


def test_an_odd_image_is_refused(make_inputs, tmp_path):
    inputs = make_inputs(2)
    odd = Params.model_validate({"build": {"image_size": 33}})
    with pytest.raises(UserError, match=r"build.image_size is 33, expected an even number"):
        build(replace(inputs, params=odd), tmp_path / "lerobot", 1)
