"""Reading logs: framing, cut tails, damage, and little memory."""

import io
import os
import struct

import pytest
from alpasim_factory import entry, log, metadata, part, step
from hypothesis import given, settings
from hypothesis import strategies as st

from avvla.alpasim.asl import ACTOR_POSES, CAMERA_IMAGE, ROLLOUT_METADATA, Log
from avvla.alpasim.asl import metadata as read_metadata
from avvla.alpasim.summary import Progress, read
from avvla.alpasim.wire import DamagedError, Message
from avvla.errors import UserError

ALL = range(1, 40)


def kinds(path, wanted=ALL):
    with path.open("rb") as file:
        entries = Log(file, wanted)
        return [one.kind for one in entries], entries.problem


def test_entries_in_their_order(write):
    path = write(log(2, {"wide": b"image"}))
    assert kinds(path) == ([1, *[2, 11, 4, 5] * 3], "")


def test_metadata(write):
    with write(metadata(60)).open("rb") as file:
        found = read_metadata(next(iter(Log(file, (ROLLOUT_METADATA,)))))
    assert (found.session, found.scene_id, found.steps) == ("session", "clipgt-00000000-aaaa", 60)
    assert (found.start_us, found.control_timestep_us) == (1_000_000, 100_000)
    assert (found.force_gt_us, found.renderer) == (1_700_000, "26.04")


def test_a_cut_tail_is_a_readable_prefix(write):
    whole = log(1, {"wide": b"x" * 40})
    boundaries = {0}
    at = 0
    while at < len(whole):
        at += 4 + struct.unpack_from(">I", whole, at)[0]
        boundaries.add(at)
    for end in range(len(whole)):
        found, problem = kinds(write(whole[:end]))
        assert len(found) == sum(0 < boundary <= end for boundary in boundaries)
        assert bool(problem) == (end not in boundaries)


def test_what_is_not_wanted_is_not_read(write, monkeypatch):
    path = write(metadata(1) + entry(11, bytes(5_000_000)) + step(0, {}))
    with path.open("rb") as file:
        read_bytes = 0
        inside = file.read

        class Counting(io.BufferedReader):
            def read(self, size=-1):
                nonlocal read_bytes
                content = inside(size)
                read_bytes += len(content)
                return content

        counting = Counting(file.raw)
        monkeypatch.setattr(counting, "seek", file.seek, raising=False)
        found = [one.kind for one in Log(counting, (ACTOR_POSES,))]
    assert found == [1, 11, 2, 4, 5]
    assert read_bytes < 1000


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (struct.pack(">I", 3) + b"\x08\x01\x00", "damaged at byte 0 (tag 8)"),
        (struct.pack(">I", 4) + part(2, b"ab")[:2] + b"ab", ""),
        (struct.pack(">I", 5) + part(2, b"ab") + b"x", "damaged at byte 0 (actor_poses of 2 bytes"),
        (b"\x00\x00\x00", "cut at byte 0"),
        (struct.pack(">I", 0) * 3, ""),
        (b"\xff" * 100, "cut at byte 0"),
        (struct.pack(">I", 11) + b"\xff" * 11, "damaged at byte 0"),
    ],
)
def test_damage_is_told_with_its_place(write, content, told):
    _, problem = kinds(write(content))
    assert problem.startswith(told)
    assert bool(problem) == bool(told)


def test_progress_by_the_time_of_the_poses(write):
    done = read(write(log(6, {"wide": b"123"}, wanted=60)))
    assert (done.steps, done.metadata.steps, done.drives) == (6, 60, 7)
    assert done.duration_s == pytest.approx(0.6)
    assert done.counts == {
        "rollout_metadata": 1, "actor_poses": 7, "driver_request": 7, "driver_return": 7,
        "driver_camera_image": 7,
    }  # fmt: skip
    assert done.image_bytes > 7 * 3
    assert done.problem == ""


def test_a_log_that_grows_is_read_on(write):
    whole = log(4)
    path = write(whole[:200])
    progress = Progress(path)
    for end in [*range(200, len(whole), 37), len(whole)]:
        path.write_bytes(whole[:end])
        progress.advance()
    assert progress.problem == ""
    assert progress.size == len(whole)
    assert (progress.steps, progress.counts) == (4, read(path).counts)


def test_a_file_that_is_no_log(write):
    assert "first entry is actor_poses" in read(write(step(0, {}))).problem
    assert read(write(b"")).steps == 0
    assert read(write(b"")).metadata is None
    with pytest.raises(UserError, match=r"missing.asl cannot be read .*, expected an .asl log"):
        read(write(b"").with_name("missing.asl"))


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"\x0a\x05ab", "field 1 has 5 bytes, 2 are left"),
        (b"\x09\x00", "field 1 has 8 bytes, 1 are left"),
        (b"\x0b", "kind 3 of field 1"),
        (b"\x00\x01", "field 0"),
        (b"\x08\x80", "end within a number"),
        (b"\x08" + b"\xff" * 11, "more than 64 bits"),
    ],
)
def test_bytes_that_are_no_message(content, told):
    with pytest.raises(DamagedError, match=told):
        Message(content)


@settings(max_examples=300)
@given(st.binary(max_size=200))
def test_any_bytes_are_a_message_or_damaged(content):
    try:
        found = Message(content)
    except DamagedError:
        return
    for number in found.fields:
        for look in (found.text, found.integer, found.real, found.child, found.all):
            try:
                look(number)
            except DamagedError:
                continue


@settings(max_examples=300)
@given(
    st.lists(
        st.one_of(
            st.binary(max_size=60),
            st.integers(0, 60).map(lambda kind: entry(kind or 1, b"x" * kind)),
            st.just(metadata(3)),
            st.just(step(1, {"wide": b"1"})),
        ),
        max_size=6,
    ),
    st.integers(0, 50),
)
def test_any_file_is_summed_up(tmp_path_factory, pieces, cut):
    path = tmp_path_factory.getbasetemp() / f"fuzzed{os.getpid()}.asl"
    content = b"".join(pieces)
    path.write_bytes(content[: max(0, len(content) - cut)])
    done = read(path)
    assert 0 <= done.size <= path.stat().st_size
    assert done.problem or done.size == path.stat().st_size
    with path.open("rb") as file:
        entries = Log(file, (CAMERA_IMAGE,))
        for one in entries:
            assert one.kind == 0 or one.size > 0
