"""The synthetic source: resumable, independent of the workers, and clear about a full disk."""

import errno
import shutil
from collections import namedtuple

import pytest

from avvla.config import Params
from avvla.errors import UserError
from avvla.physical_ai import manifest
from avvla.physical_ai.reader import Clips
from avvla.world import synthesis
from avvla.world.synthesis import fetch, synthetic_revision

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
def fetched(tmp_path_factory):
    root = tmp_path_factory.mktemp("fetched")
    return root, fetch(params(), root, 1)


@pytest.fixture
def root(fetched, tmp_path):
    """A copy of the hub cache to damage."""
    return shutil.copytree(fetched[0], tmp_path / "hub")


def _forbid(*_):
    raise AssertionError("recorded again")


def test_the_reader_finds_every_clip(fetched):
    root, listing = fetched
    assert listing.chunks == (0, 1, 2)
    assert listing.revision == synthetic_revision(params())
    assert manifest.verify(listing, root) == []
    clips = Clips(listing, root)
    ids = [clip_id for chunk in listing.chunks for clip_id in clips.clip_ids(chunk)]
    assert [len(clips.clip_ids(chunk)) for chunk in listing.chunks] == [2, 2, 1]
    assert len(set(ids)) == 5
    for clip_id in ids:
        assert len(clips.t0_grid(clip_id, 2.0, 0.5)) == 2
        assert clips.events(clip_id)


def test_workers_do_not_change_the_bytes(fetched, tmp_path):
    assert fetch(params(), tmp_path, 3) == fetched[1]


def test_complete_chunks_are_not_made_again(root, fetched, monkeypatch):
    monkeypatch.setattr(synthesis, "record", _forbid)
    assert fetch(params(), root, 1) == fetched[1]


def _remove(path):
    path.unlink()


def _truncate(path):
    path.write_bytes(path.read_bytes()[:-1])


def _scribble(path):
    path.write_bytes(b'{"files": []}')


@pytest.mark.parametrize(
    ("pattern", "damage"),
    [
        ("receipts/*/chunk_0001.json", _remove),
        ("receipts/*/chunk_0001.json", _truncate),
        ("receipts/*/chunk_0001.json", _scribble),
        ("snapshots/*/labels/*/egomotion.chunk_0001.zip", _truncate),
        ("snapshots/*/calibration/*/camera_intrinsics.chunk_0001.parquet", _remove),
    ],
)
def test_only_an_incomplete_chunk_is_made_again(root, fetched, monkeypatch, pattern, damage):
    damage(next(next(root.iterdir()).glob(pattern)))
    recorded = []

    def record(synthetic, seed, index):
        recorded.append(index)
        return original(synthetic, seed, index)

    original = synthesis.record
    monkeypatch.setattr(synthesis, "record", record)
    assert fetch(params(), root, 1) == fetched[1]
    assert recorded == [2, 3]


def test_an_interruption_keeps_what_is_complete(fetched, tmp_path, monkeypatch):
    original = synthesis.record

    def interrupted(synthetic, seed, index):
        if index == 3:
            raise KeyboardInterrupt
        return original(synthetic, seed, index)

    with monkeypatch.context() as patch:
        patch.setattr(synthesis, "record", interrupted)
        with pytest.raises(KeyboardInterrupt):
            fetch(params(), tmp_path, 1)
    assert len(list(tmp_path.rglob("receipts/*/*.json"))) == 1
    assert fetch(params(), tmp_path, 1) == fetched[1]


def test_the_revision_is_that_of_what_is_recorded(monkeypatch):
    revision = synthetic_revision(params())
    assert len(revision) == 40
    for other in (params(seed=8), params(clips=6), params(dataset={"camera": "camera_other"})):
        assert synthetic_revision(other) != revision
    same = params().model_copy(update={"train": Params().train.model_copy(update={"steps": 1})})
    assert synthetic_revision(same) == revision
    monkeypatch.setattr(synthesis, "source_digest", lambda *_: "another world")
    assert synthetic_revision(params()) != revision


@pytest.mark.parametrize("source", ["nvidia", "l2d", "hdf5"])
def test_other_sources_are_refused(tmp_path, source):
    with pytest.raises(UserError, match=rf"{source}.* cannot fetch yet.*to synthetic"):
        fetch(params(dataset={"source": source}), tmp_path / "hub", 1)
    assert not (tmp_path / "hub").exists()


def test_too_little_space_is_told_before_the_work(tmp_path, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10**6, 10**6, 1000))
    monkeypatch.setattr(synthesis, "record", _forbid)
    with pytest.raises(UserError, match=r"1000 bytes free, 5 clips need about \d+: .*AVVLA_DATA"):
        fetch(params(), tmp_path, 1)


def test_the_needed_space_is_no_more_than_the_real(fetched, tmp_path, monkeypatch):
    real = sum(file.bytes for file in fetched[1].files)
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(real, 0, real))
    fetch(params(), tmp_path, 1)


def test_a_disk_that_fills_up_is_told(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(synthesis, "write_chunk", full)
    with pytest.raises(UserError, match=r"^record chunk 0000, 0001, 0002: .*No space.*AVVLA_DATA"):
        fetch(params(), tmp_path, 1)


def test_a_folder_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(
        UserError, match=r"file/hub cannot be written \(Not a directory.*AVVLA_DATA"
    ):
        fetch(params(), tmp_path / "file" / "hub", 1)


def test_too_short_a_video_is_told(tmp_path):
    with pytest.raises(UserError, match=r"1 frames .*raise dataset.synthetic.video_s"):
        fetch(params(video_s=0.2, clips=1), tmp_path, 1)
