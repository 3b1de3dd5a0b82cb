"""The synthetic source: resumable, independent of the workers, and clear about a full disk."""

import errno
import json
import shutil
from collections import namedtuple

import pytest

from avvla.config import Params
from avvla.errors import UserError
from avvla.physical_ai import manifest
from avvla.physical_ai.reader import Clips
from avvla.world import chunk
from avvla.world.synthesis import fetch

SYNTHETIC = {
    "clips": 5,
    "clips_per_chunk": 2,
    "video_s": 2.5,
    "camera_width": 64,
    "camera_height": 36,
}


def params(seed=7, dataset=None, **synthetic):
    section = {"synthetic": SYNTHETIC | synthetic, **(dataset or {})}
    return Params.model_validate({"seed": seed, "dataset": section})


@pytest.fixture(scope="session")
def work(tmp_path_factory):
    return tmp_path_factory.mktemp("work")


@pytest.fixture(scope="session")
def fetched(tmp_path_factory, work):
    root = tmp_path_factory.mktemp("fetched")
    return root, fetch(params(), root, work, 1)


@pytest.fixture
def root(fetched, tmp_path):
    """A copy of the hub cache to damage."""
    return shutil.copytree(fetched[0], tmp_path / "hub", symlinks=True)


def _forbid(*_):
    raise AssertionError("recorded again")


def test_the_reader_finds_every_clip(fetched):
    root, listing = fetched
    assert listing.chunks == (0, 1, 2)
    assert manifest.verify(listing, root) == []
    clips = Clips(listing, root)
    ids = [clip_id for chunk in listing.chunks for clip_id in clips.clip_ids(chunk)]
    assert [len(clips.clip_ids(chunk)) for chunk in listing.chunks] == [2, 2, 1]
    assert len(set(ids)) == 5
    for clip_id in ids:
        assert len(clips.t0_grid(clip_id, 2.0, 0.5)) == 2
        assert clips.events(clip_id)


def test_workers_do_not_change_the_bytes(fetched, tmp_path, work):
    assert fetch(params(), tmp_path, work, 3) == fetched[1]


def test_complete_chunks_are_not_made_again(root, fetched, work, monkeypatch):
    monkeypatch.setattr(chunk, "record", _forbid)
    assert fetch(params(), root, work, 1) == fetched[1]


def _remove(path):
    path.unlink()


def _truncate(path):
    path.write_bytes(path.read_bytes()[:-1])


def _scribble(path):
    path.write_bytes(b'{"files": []}')


@pytest.mark.parametrize(
    ("pattern", "damage"),
    [
        ("chunks/chunk_0001_*/receipt.json", _remove),
        ("chunks/chunk_0001_*/receipt.json", _truncate),
        ("chunks/chunk_0001_*/receipt.json", _scribble),
        ("snapshots/*/labels/*/egomotion.chunk_0001.zip", _truncate),
        ("snapshots/*/calibration/*/camera_intrinsics.chunk_0001.parquet", _truncate),
    ],
)
def test_only_an_incomplete_chunk_is_made_again(root, fetched, work, monkeypatch, pattern, damage):
    damage(next(next(root.iterdir()).glob(pattern)))
    recorded = []

    def record(synthetic, seed, index):
        recorded.append(index)
        return original(synthetic, seed, index)

    original = chunk.record
    monkeypatch.setattr(chunk, "record", record)
    assert fetch(params(), root, work, 1) == fetched[1]
    assert recorded == [2, 3]
    assert manifest.verify(fetched[1], root) == []


@pytest.mark.parametrize("pattern", ["clip_index.parquet", "labels/*/egomotion.chunk_0001.zip"])
def test_a_damaged_snapshot_is_joined_anew(root, fetched, work, monkeypatch, pattern):
    snapshot = manifest.root(fetched[1], root)
    next(snapshot.glob(pattern)).unlink()
    monkeypatch.setattr(chunk, "record", _forbid)
    assert fetch(params(), root, work, 1) == fetched[1]
    assert manifest.verify(fetched[1], root) == []
    assert list(snapshot.parent.iterdir()) == [snapshot]


def test_an_added_chunk_is_recorded_alone(root, fetched, work, monkeypatch):
    more = fetch(params(clips=7), root, work, 1)
    assert (
        json.loads((work / "download/last_run.json").read_text())["reused"] == 2
    )  # 2 is whole now
    assert more.revision != fetched[1].revision
    for number in (0, 1):
        assert more.of_chunk(number) == fetched[1].of_chunk(number)
    for listing in (more, fetched[1]):
        assert manifest.verify(listing, root) == []


def test_an_interruption_keeps_what_is_complete(fetched, tmp_path, work, monkeypatch):
    original = chunk.record

    def interrupted(synthetic, seed, index):
        if index == 3:
            raise KeyboardInterrupt
        return original(synthetic, seed, index)

    with monkeypatch.context() as patch:
        patch.setattr(chunk, "record", interrupted)
        with pytest.raises(KeyboardInterrupt):
            fetch(params(), tmp_path, work, 1)
    assert len(list(tmp_path.rglob("chunks/*/receipt.json"))) == 1
    assert fetch(params(), tmp_path, work, 1) == fetched[1]


def test_the_revision_names_the_content(fetched, tmp_path, work, monkeypatch):
    original = chunk.record
    monkeypatch.setattr(
        chunk, "record", lambda synthetic, seed, index: original(synthetic, 8, index)
    )
    other = fetch(params(), tmp_path, work, 1)
    assert other.revision != fetched[1].revision
    monkeypatch.undo()
    assert fetch(params(seed=8), tmp_path, work, 1).revision == other.revision


def test_too_little_space_is_told_before_the_work(tmp_path, work, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10**6, 10**6, 1000))
    monkeypatch.setattr(chunk, "record", _forbid)
    with pytest.raises(UserError, match=r"1000 bytes free, 5 clips need about \d+: .*AVVLA_DATA"):
        fetch(params(), tmp_path, work, 1)


def test_the_needed_space_is_no_more_than_the_real(fetched, tmp_path, work, monkeypatch):
    real = sum(file.bytes for file in fetched[1].files)
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(real, 0, real))
    fetch(params(), tmp_path, work, 1)


def test_a_disk_that_fills_up_is_told(tmp_path, work, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(chunk, "write_chunk", full)
    with pytest.raises(UserError, match=r"^record chunk 0000, 0001, 0002: .*No space.*AVVLA_DATA"):
        fetch(params(), tmp_path, work, 1)


def test_a_folder_that_cannot_be_written_is_told(tmp_path, work):
    (tmp_path / "file").touch()
    with pytest.raises(
        UserError, match=r"file/hub/.* cannot be written \(Not a directory.*AVVLA_DATA"
    ):
        fetch(params(), tmp_path / "file" / "hub", work, 1)


def test_too_short_a_video_is_told(tmp_path, work):
    with pytest.raises(UserError, match=r"1 frames .*raise dataset.synthetic.video_s"):
        fetch(params(video_s=0.2, clips=1), tmp_path, work, 1)
