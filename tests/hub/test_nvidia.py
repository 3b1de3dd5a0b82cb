"""The data set from the loopback hub: whole, resumed, verified, read by the official package."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from factory import CAMERA, REVISION
from huggingface_hub import hf_hub_download
from loopback_hub import LoopbackHub
from loopback_server import Fault

from avvla.config import Nvidia
from avvla.errors import UserError
from avvla.hub import blob, client
from avvla.physical_ai import layout, manifest
from avvla.physical_ai.reader import Clips

REPO = Nvidia().repo_id
CALIBRATION = layout.chunk_path(layout.CAMERA_INTRINSICS, 1)
VIDEO = layout.chunk_path(CAMERA, 1)


def test_the_official_reader_opens_what_was_fetched(hub, place, tree, monkeypatch):
    listing = place.fetch()
    assert listing.source == "nvidia"
    assert listing.revision == REVISION
    assert listing.clips is None
    assert listing.chunks == (0, 1, 2)
    assert [file.path for file in listing.files] == sorted(hub.files)
    assert manifest.verify(listing, place.data) == []
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    clips = Clips(listing, place.data)
    for chunk in listing.chunks:
        for clip_id in clips.clip_ids(chunk):
            t0_us = clips.t0_grid(clip_id, 2.0, 0.5)
            assert clips.frames(clip_id, t0_us).shape == (len(t0_us), 36, 64, 3)
            assert np.isfinite(clips.ego_windows(clip_id, t0_us)[0]).all()


def test_a_second_run_asks_nothing(hub, place, monkeypatch):
    first = place.fetch()
    asked = len(hub.log)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    assert place.fetch() == first
    assert len(hub.log) == asked


def test_what_huggingface_hub_fetched_is_found(hub, place):
    for path in hub.files:
        hf_hub_download(REPO, path, repo_type="dataset", revision=REVISION, cache_dir=place.data)
    hub.log.clear()
    assert manifest.verify(place.fetch(), place.data) == []
    assert hub.bodies() == []


def test_huggingface_hub_finds_what_was_fetched(hub, place):
    listing = place.fetch()
    hub.log.clear()
    for file in listing.files:
        path = hf_hub_download(
            REPO, file.path, repo_type="dataset", revision=REVISION, cache_dir=place.data
        )
        assert Path(path) == manifest.root(listing, place.data) / file.path
    assert hub.log == []


def test_an_added_chunk_is_fetched_alone(hub, place, tmp_path):
    place.fetch(chunks=[0, 2])
    assert json.loads((place.work / "download/last_run.json").read_text())["computed"] == 2
    before = len(hub.bodies())
    listing = place.fetch()
    run = json.loads((place.work / "download/last_run.json").read_text())
    assert (run["computed"], run["reused"]) == (1, 2)
    assert {request.path for request in hub.bodies()[before:]} == {
        f"/lfs/{hub.oid(file.path)}" for file in listing.of_chunk(1)
    }


def test_processes_fetch_the_same(hub, place, make_place, monkeypatch):
    # Workers are new processes, which read the settings when they import huggingface_hub.
    monkeypatch.setenv("HF_ENDPOINT", hub.endpoint)
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    other = make_place("other")
    assert other.fetch(workers=2) == place.fetch()
    assert other.contents() == place.contents()


def test_a_cut_anywhere_is_resumed_without_asking_for_what_is_whole(hub, make_place):
    whole = make_place("whole")
    listing = whole.fetch()
    total = sum(file.bytes for file in listing.files)
    draw = random.Random(11)
    for number in range(20):
        place = make_place(f"cut-{number}")
        hub.log.clear()
        hub.left = draw.randrange(total)
        with pytest.raises(UserError, match=r"no answer from|bytes arrive"):
            place.fetch()
        complete = {path.rpartition("/")[2] for path in place.contents()}
        assert place.contents().items() <= whole.contents().items()
        sent = {}
        for request in hub.bodies():
            sent[request.path] = sent.get(request.path, 0) + sum(request.sent)
        hub.left = None
        hub.log.clear()
        assert place.fetch() == listing
        assert place.contents() == whole.contents()
        for request in hub.bodies():
            assert request.start == sent.get(request.path, 0)
            path = next(p for p in hub.files if request.path.endswith((hub.oid(p), p)))
            assert path.rpartition("/")[2] not in complete
        assert not list(place.data.rglob("*.incomplete"))
        assert manifest.verify(listing, place.data) == []


def test_connections_that_break_are_taken_up_in_the_same_run(hub, place, make_place):
    listing = place.fetch()
    hub.log.clear()
    hub.faults = [Fault(hub.oid(VIDEO), times=99, cut_after=1000)]
    assert make_place("other").fetch() == listing
    starts = [request.start for request in hub.bodies() if hub.oid(VIDEO) in request.path]
    assert starts == list(range(0, len(hub.files[VIDEO]), 1000))
    assert len(starts) > client.TRIES


def test_a_run_killed_anywhere_ends_with_the_same_bytes(hub, tmp_path):
    hub.pause_s = 0.003
    script = Path(__file__).parent / "kill_fetch.py"
    result = subprocess.run(
        [sys.executable, script, REVISION, "12", "1"],
        cwd=tmp_path,
        env=os.environ | {"HF_ENDPOINT": hub.endpoint, "HF_HUB_OFFLINE": "0"},
        capture_output=True,
        text=True,
        check=True,
    )
    undisturbed, killed = result.stdout.split()
    assert killed == undisturbed


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_hub_out_of_order_is_asked_again(hub, place, status):
    hub.faults = [
        Fault("/tree/", times=2, status=status, headers={"Retry-After": "0"}),
        Fault("/lfs/", times=2, status=status),
        Fault(r"resolve/.*\.csv", times=2, status=status),
    ]
    assert place.fetch().chunks == (0, 1, 2)


def test_the_hub_says_how_long_to_wait(hub, place, monkeypatch):
    slept = []
    monkeypatch.setattr(client.time, "sleep", slept.append)
    hub.faults = [
        Fault("/tree/", status=429, headers={"Retry-After": "7"}),
        Fault("/tree/", status=429, headers={"RateLimit": '"api";r=0;t=55'}),
        Fault("/tree/", status=429, headers={"Retry-After": "86400"}),
        Fault("/tree/", status=503, headers={"Retry-After": "tomorrow"}),
    ]
    place.fetch()
    assert slept == [7.0, 55.0, client.LONGEST_PAUSE_S, 0.0]


@pytest.mark.parametrize("match", ["/tree/", "/lfs/"])
def test_a_hub_that_stays_out_of_order_is_one_sentence(hub, place, match, monkeypatch):
    slept = []
    monkeypatch.setattr(client, "FIRST_PAUSE_S", 1.0)
    monkeypatch.setattr(client.time, "sleep", slept.append)
    hub.faults = [Fault(match, times=99, status=503)]
    with pytest.raises(UserError, match=r"the hub answers 503 \(6 times\); what has arrived"):
        place.fetch()
    assert hub.faults[0].times == 99 - client.TRIES
    assert slept == [1.0, 2.0, 4.0, 8.0, 16.0]


def test_a_bad_chunk_is_named_and_the_others_come(hub, place):
    hub.faults = [Fault(hub.oid(VIDEO), times=99, status=410)]
    with pytest.raises(UserError, match=f"fetch chunk 0001: {VIDEO}: the hub answers 410$"):
        place.fetch()
    there = {name.partition(REVISION + "/")[2] for name in place.contents()}
    assert {path for path in hub.files if "chunk_0001" not in path} <= there
    hub.faults.clear()
    assert manifest.verify(place.fetch(), place.data) == []


def test_wrong_bytes_are_fetched_once_more(hub, place):
    hub.faults = [Fault(hub.oid(VIDEO), flip=True)]
    assert manifest.verify(place.fetch(), place.data) == []


@pytest.mark.parametrize("path", [VIDEO, CALIBRATION, "features.csv"])
def test_bytes_that_stay_wrong_never_get_their_name(hub, place, path):
    oid = hub.oid(path)
    match = oid if path != "features.csv" else path
    hub.faults = [Fault(match, times=99, flip=True)]
    with pytest.raises(UserError, match=f"{path} arrives with the hash .* lists {oid}: something"):
        place.fetch()
    assert not list(place.data.rglob(f"blobs/{oid}"))
    assert not list(place.data.rglob(path))


def test_a_part_with_other_bytes_is_begun_anew(hub, place, make_place):
    listing = make_place("whole").fetch()
    snapshot = layout.snapshot(place.data, listing.repo_id, REVISION)
    part = snapshot.parents[1] / "blobs" / f"{hub.oid(VIDEO)}.incomplete"
    part.parent.mkdir(parents=True)
    for content in (b"x" * 1000, b"x" * (len(hub.files[VIDEO]) + 1), b"x" * len(hub.files[VIDEO])):
        (snapshot / VIDEO).unlink(missing_ok=True)
        (part.parent / hub.oid(VIDEO)).unlink(missing_ok=True)
        part.write_bytes(content)
        assert place.fetch() == listing
        assert manifest.verify(listing, place.data) == []


def test_a_server_without_ranges_sends_all_of_it(hub, place):
    hub.faults = [
        Fault(hub.oid(VIDEO), cut_after=5000),
        Fault(hub.oid(VIDEO), no_ranges=True),
    ]
    assert manifest.verify(place.fetch(), place.data) == []
    asked = [request for request in hub.bodies() if hub.oid(VIDEO) in request.path]
    assert [request.start for request in asked] == [0, 5000]


def test_a_file_longer_than_its_listing_is_refused(hub, place, monkeypatch):
    oid, content = hub.oid(VIDEO), hub.files[VIDEO]
    listed = hub.entry(VIDEO)
    monkeypatch.setattr(
        hub, "entry", lambda path: listed if path == VIDEO else LoopbackHub.entry(hub, path)
    )
    monkeypatch.setattr(
        hub, "oid", lambda path: oid if path == VIDEO else LoopbackHub.oid(hub, path)
    )
    hub.files[VIDEO] = content + b"more"
    with pytest.raises(UserError, match=rf"{VIDEO} is longer than the {len(content)} bytes"):
        place.fetch()


@pytest.mark.parametrize(
    "damage",
    [lambda path: path.unlink(), lambda path: path.write_bytes(path.read_bytes()[:-1])],
)
def test_a_lost_or_cut_file_is_fetched_again_alone(hub, place, damage):
    listing = place.fetch()
    damage((manifest.root(listing, place.data) / VIDEO).resolve())
    hub.log.clear()
    assert place.fetch() == listing
    assert [request.path for request in hub.bodies()] == [f"/lfs/{hub.oid(VIDEO)}"]
    assert manifest.verify(listing, place.data) == []


class TestAccess:
    def refusal(self, place):
        with pytest.raises(UserError) as caught:
            place.fetch()
        assert "\n" not in str(caught.value)
        return str(caught.value)

    def test_a_token_goes_to_the_hub_and_nowhere_else(self, hub, place, monkeypatch):
        hub.token = "hf_good"
        monkeypatch.setenv("HF_TOKEN", "hf_good")
        place.fetch()
        for request in hub.log:
            lfs = request.path.startswith("/lfs/")
            assert request.authorization == (None if lfs else "Bearer hf_good")

    def test_no_token(self, hub, place):
        hub.token = "hf_good"
        message = self.refusal(place)
        assert "is gated (or missing) and there is no token: accept its terms at" in message
        assert "`hf auth login`, or set HF_TOKEN" in message

    def test_a_token_without_access(self, hub, place, monkeypatch):
        hub.token, hub.known_tokens = "hf_good", {"hf_other"}
        monkeypatch.setenv("HF_TOKEN", "hf_other")
        assert "the token's account has no access to nvidia/Phys" in self.refusal(place)

    def test_a_token_that_is_none(self, hub, place, monkeypatch):
        hub.token = "hf_good"
        monkeypatch.setenv("HF_TOKEN", "hf_mistyped")
        assert "the hub does not know the token" in self.refusal(place)

    def test_the_token_is_in_no_message(self, hub, place, monkeypatch):
        monkeypatch.setenv("HF_TOKEN", "hf_secret")
        hub.token = "hf_good"
        assert "hf_secret" not in self.refusal(place)

    def test_no_commit(self, hub, place):
        with pytest.raises(UserError, match=r"dataset\.nvidia\.revision is not set: pin a commit"):
            place.fetch(revision=None)
        assert hub.log == []

    def test_a_commit_that_is_none(self, hub, place):
        with pytest.raises(UserError, match=f"has no commit {'6' * 40}: set dataset.nvidia.rev"):
            place.fetch(revision="6" * 40)

    def test_a_data_set_that_is_none(self, hub, place):
        with pytest.raises(UserError, match="there is no data set nvidia/typo: check dataset"):
            place.fetch(repo_id="nvidia/typo")

    def test_offline(self, hub, place, monkeypatch):
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
        assert "HF_HUB_OFFLINE is set, but files of nvidia" in self.refusal(place)
        assert hub.log == []

    def test_nobody_there(self, hub, place, monkeypatch):
        monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
        assert "no answer from http://127.0.0.1:9 (ConnectError" in self.refusal(place)

    def test_an_endpoint_that_is_no_address(self, hub, place, monkeypatch):
        monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "hub.example")
        assert "HF_ENDPOINT is 'hub.example'" in self.refusal(place)

    def test_an_endpoint_that_is_another_site(self, hub, place, monkeypatch):
        hub.tree = lambda folder: [{"type": "file", "name": "?"}]
        assert "in an unknown form" in self.refusal(place)


class TestRoom:
    def test_a_full_disk_is_told_before_the_first_byte(self, hub, place, monkeypatch):
        listing = place.fetch(chunks=[0])
        needed = sum(len(hub.files[path]) for path in hub.files if "chunk_0001" in path)
        monkeypatch.setattr("avvla.hub.space.free_bytes", lambda _: needed - 1)
        asked = len(hub.bodies())
        with pytest.raises(UserError, match=r"GB free, .* GB are to come: make room, set AVVLA_D"):
            place.fetch(chunks=[1])
        assert len(hub.bodies()) == asked
        monkeypatch.setattr("avvla.hub.space.free_bytes", lambda _: needed)
        assert place.fetch(chunks=[0, 1]).of_chunk(0) == listing.of_chunk(0)

    def test_a_quota_counts_what_is_there(self, hub, place):
        listing = place.fetch(chunks=[0])
        used = sum(file.bytes for file in listing.files)
        needed = sum(len(hub.files[path]) for path in hub.files if "chunk_0001" in path)
        assert place.fetch(chunks=[0], quota=1) == listing
        with pytest.raises(UserError, match="AVVLA_DATA_GB allows"):
            place.fetch(chunks=[1], quota=used + needed - 1)
        slack = 10_000  # the kept listings
        place.fetch(chunks=[1], quota=used + needed + slack)

    def test_a_disk_that_fills_up_keeps_what_has_come(self, hub, place, monkeypatch):
        original = blob.Hub.body

        def full(self, path, start):
            if path == VIDEO:
                raise OSError(28, "No space left on device")
            return original(self, path, start)

        with monkeypatch.context() as patch:
            patch.setattr(blob.Hub, "body", full)
            with pytest.raises(UserError, match=r"chunk 0001: .* cannot be written \(No space"):
                place.fetch()
        assert not any(VIDEO in name for name in place.contents())
        assert manifest.verify(place.fetch(), place.data) == []
