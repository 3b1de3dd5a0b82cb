"""The split: exact size, stable under change, read back with its mistakes told."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avvla.dataset import split
from avvla.errors import UserError

CLIPS = [f"clip-{index}" for index in range(40)]
GOOD = {
    "train": {"clips": ["a", "c"], "episodes": [0, 2]},
    "validation": {"clips": ["b"], "episodes": [1]},
}


@given(st.integers(2, 60), st.floats(0.01, 0.6), st.integers(0, 9))
def test_the_sides_cover_all_and_share_nothing(count, share, seed):
    clips = [f"{index:04d}" for index in range(count)]
    parts = split.split_clips(clips, clips, share, seed)
    assert len(parts.validation.clips) == max(1, round(share * count))
    assert sorted(parts.train.episodes + parts.validation.episodes) == list(range(count))
    for part in (parts.train, parts.validation):
        assert [clips[episode] for episode in part.episodes] == list(part.clips)


@given(st.lists(st.integers(0, 5), min_size=2, max_size=40), st.floats(0.01, 0.4))
def test_a_group_stays_on_one_side(groups, share):
    names = [f"drive-{group}" for group in groups]
    if len(set(names)) < 2:
        return
    clips = [f"{name}.{index:04d}" for index, name in enumerate(names)]
    parts = split.split_clips(clips, names, share, 7)
    sides = [{names[i] for i in part.episodes} for part in (parts.train, parts.validation)]
    assert sides[0].isdisjoint(sides[1])
    assert len(sides[1]) == max(1, round(share * len(set(names))))
    assert len(parts.train.clips) + len(parts.validation.clips) == len(clips)


def test_clips_of_one_drive_cannot_be_split():
    with pytest.raises(UserError, match=r"leaves none to train on: use more"):
        split.split_clips(["a.0", "a.1"], ["a", "a"], 0.2, 7)


def test_the_order_of_the_clips_does_not_matter():
    assert split.held_out(CLIPS, 0.2, 7) == split.held_out(reversed(CLIPS), 0.2, 7)
    assert split.held_out(CLIPS, 0.2, 7) != split.held_out(CLIPS, 0.2, 8)


def test_a_larger_share_keeps_the_clips_of_a_smaller_one():
    assert split.held_out(CLIPS, 0.1, 7) < split.held_out(CLIPS, 0.3, 7)


def test_a_clip_more_changes_at_most_one_clip():
    before, after = split.held_out(CLIPS, 0.2, 7), split.held_out([*CLIPS, "new"], 0.2, 7)
    assert len(before - after) <= 1


@pytest.mark.parametrize(("clips", "share"), [(["only"], 0.1), (["a", "b"], 0.9)])
def test_nothing_left_to_train_on_is_refused(clips, share):
    with pytest.raises(UserError, match=r"build.validation = .* leaves none to train on"):
        split.split_clips(clips, clips, share, 7)


def test_round_trip(tmp_path):
    parts = split.split_clips(CLIPS, CLIPS, 0.1, 7)
    split.save(parts, tmp_path)
    assert split.load(tmp_path) == parts
    assert (tmp_path / "split.json").read_bytes().endswith(b"}\n")


def test_a_missing_file_is_told(tmp_path):
    with pytest.raises(UserError, match=r"split.json is missing: .*dvc repro build_dataset"):
        split.load(tmp_path)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"train": {"clips": [], "episodes": []}}, "train.clips: .*at least 1"),
        ({"validation": {"clips": ["b"], "episodes": [1, 3]}}, "1 clips but 2 episodes"),
        ({"train": {"clips": ["c", "a"], "episodes": [2, 0]}}, "not sorted"),
        ({"validation": {"clips": ["a"], "episodes": [1]}}, r"share \['a'\]"),
        ({"validation": {"clips": ["b"], "episodes": [2]}}, "share episodes"),
        ({"validation": {"clips": ["b"], "episodes": [-1]}}, "greater than or equal to 0"),
        ({"test": {}}, "Extra inputs"),
    ],
)
def test_a_wrong_file_is_told(tmp_path, change, complaint):
    (tmp_path / "split.json").write_text(json.dumps(GOOD | change))
    with pytest.raises(UserError, match=complaint):
        split.load(tmp_path)


@given(st.binary(max_size=30))
def test_noise_is_refused(tmp_path_factory, noise):
    folder = tmp_path_factory.mktemp("noise")
    (folder / "split.json").write_bytes(noise)
    with pytest.raises(UserError):
        split.load(folder)
