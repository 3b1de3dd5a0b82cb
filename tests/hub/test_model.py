"""A model's files in the cache: those that are asked for, in the hub's form, whole."""

import pytest
from loopback_hub import LoopbackHub, reached
from loopback_server import Fault

from avvla.errors import UserError
from avvla.hub.client import Hub
from avvla.hub.model import fetch

REPO, COMMIT = "made-up/model", "3" * 40


@pytest.fixture
def model_hub(monkeypatch):
    files = {"config.json": b"{}", "model.safetensors": bytes(20_000), "deep/a.json": b"[]"}
    with LoopbackHub(files, REPO, COMMIT, "model") as served, reached(served, monkeypatch):
        yield served


def opened():
    return Hub.model(REPO, None, "--repo", "--revision")


def test_the_newest_commit_is_looked_up(model_hub):
    assert opened().revision == COMMIT
    assert [entry.path for entry in opened().folder("")] == ["config.json", "model.safetensors"]
    assert [entry.path for entry in opened().folder("deep")] == ["deep/a.json"]
    assert opened().folder("none") == ()


def test_what_is_asked_for_comes_whole_and_once(model_hub, tmp_path):
    hub = opened()
    weights = [entry for entry in hub.folder("") if entry.path == "model.safetensors"]
    model_hub.faults.append(Fault("/lfs/", cut_after=8192))
    snapshot = fetch(hub, weights, tmp_path)
    assert snapshot == tmp_path / "models--made-up--model" / "snapshots" / COMMIT
    assert (snapshot / "model.safetensors").read_bytes() == bytes(20_000)
    assert not (snapshot / "config.json").exists()
    asked = len(model_hub.log)
    assert fetch(hub, weights, tmp_path) == snapshot
    assert len(model_hub.log) == asked


def test_changed_bytes_are_refused(model_hub, tmp_path):
    hub = opened()
    model_hub.faults.append(Fault("/lfs/", times=2, flip=True))
    with pytest.raises(UserError, match=r"arrives with the hash .*, made-up/model lists"):
        fetch(hub, hub.folder(""), tmp_path)


def test_a_place_that_cannot_be_written_is_told(model_hub, tmp_path):
    (tmp_path / "file").write_text("")
    hub = opened()
    with pytest.raises(UserError, match="or set AVVLA_BASE to another folder"):
        fetch(hub, hub.folder(""), tmp_path / "file")
