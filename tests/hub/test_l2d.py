"""L2D from the loopback hub: what is asked for, what is not, and a second run."""

import pytest
from l2d_factory import DATA, EPISODES, FRONT, REPO, REVISION, VIDEO, dataset
from loopback_hub import LoopbackHub, reached
from loopback_server import Fault

from avvla.config import Params
from avvla.errors import UserError
from avvla.hub.l2d import fetch
from avvla.l2d import layout
from avvla.physical_ai import manifest
from avvla.physical_ai.layout import snapshot


@pytest.fixture
def hub(l2d_hub, monkeypatch):
    folder = snapshot(l2d_hub, REPO, REVISION)
    with LoopbackHub.of_folder(folder, REPO, REVISION) as served, reached(served, monkeypatch):
        yield served


def bring(tmp_path, quota_bytes=None, **choice):
    params = Params().model_copy(update={"dataset": dataset(**choice)})
    return fetch(params, tmp_path / "data", tmp_path / "work", 1, quota_bytes=quota_bytes)


def test_state_and_one_camera_are_fetched_once(hub, tmp_path):
    hub.faults.append(Fault(match="lfs", cut_after=1000))
    listing = bring(tmp_path, drives=2)
    assert [file.path for file in listing.files] == sorted([DATA, EPISODES, layout.INFO, VIDEO])
    assert [file.feature for file in listing.files] == ["state", "metadata", "metadata", FRONT]
    assert manifest.verify(listing, tmp_path / "data") == []
    first = len(hub.log)
    assert bring(tmp_path, drives=2) == listing
    assert len(hub.log) == first


def test_no_other_camera_is_asked_for(hub, tmp_path):
    bring(tmp_path, drives=1)
    assert all(FRONT in request.path for request in hub.log if "videos/" in request.path)


def test_a_revision_has_to_be_set_and_to_be_there(hub, tmp_path):
    with pytest.raises(UserError, match=r"dataset\.l2d\.revision is not set: .*yaak-ai/L2D"):
        bring(tmp_path, revision=None)
    with pytest.raises(UserError, match=r"no commit 0{40}: set dataset\.l2d\.revision"):
        bring(tmp_path, revision="0" * 40)


def test_drives_that_share_files_need_room_for_them_once(hub, tmp_path):
    total = sum(map(len, (hub.files[path] for path in (DATA, EPISODES, layout.INFO, VIDEO))))
    slack = 5000  # the kept listings
    assert len(hub.files[VIDEO]) > slack
    assert bring(tmp_path, drives=3, quota_bytes=total + slack).chunks == (0, 1, 2)


def test_a_full_cache_is_told_before_the_first_byte(hub, tmp_path):
    with pytest.raises(UserError, match="AVVLA_DATA_GB"):
        bring(tmp_path, quota_bytes=100)
    assert hub.bodies() == []
