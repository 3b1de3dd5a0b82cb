"""Which package brings a source, and the settings of the host that it is given."""

import pytest
from factory import REVISION

from avvla.config import Params
from avvla.errors import UserError
from avvla.hub import l2d, nvidia
from avvla.sources import fetch
from avvla.world import synthesis


def params(source):
    section = {"source": source, "nvidia": {"revision": REVISION}}
    return Params.model_validate({"dataset": section})


def test_episodes_come_from_the_folder_that_the_host_names(tmp_path, monkeypatch):
    monkeypatch.delenv("AVVLA_HDF5", raising=False)
    with pytest.raises(UserError, match="AVVLA_HDF5 is not set"):
        fetch(params("hdf5"), tmp_path / "hub", tmp_path / "work", 1)
    assert list(tmp_path.iterdir()) == []


def test_the_synthetic_source_is_recorded(tmp_path, monkeypatch):
    monkeypatch.setattr(synthesis, "fetch", lambda *given: given)
    wanted = params("synthetic")
    assert fetch(wanted, tmp_path, tmp_path, 3) == (wanted, tmp_path, tmp_path, 3)


def test_the_hub_is_given_the_settings_of_the_host(tmp_path, monkeypatch):
    monkeypatch.setattr(nvidia, "fetch", lambda *given, **settings: settings)
    monkeypatch.setattr(l2d, "fetch", lambda *given, **settings: settings)
    assert fetch(params("nvidia"), tmp_path, tmp_path, 1) == {"tree": None, "quota_bytes": None}
    assert fetch(params("l2d"), tmp_path, tmp_path, 1) == {"quota_bytes": None}
    monkeypatch.setenv("AVVLA_DATA_GB", "1.5")
    monkeypatch.setenv("AVVLA_NVIDIA_TREE", str(tmp_path))
    assert fetch(params("nvidia"), tmp_path, tmp_path, 1) == {
        "tree": tmp_path,
        "quota_bytes": 1_500_000_000,
    }
    assert fetch(params("l2d"), tmp_path, tmp_path, 1) == {"quota_bytes": 1_500_000_000}
