"""Which package brings a source, and the settings of the host that it is given."""

import pytest
from factory import REVISION

from avvla.config import Params
from avvla.errors import UserError
from avvla.hub import nvidia
from avvla.sources import fetch
from avvla.world import synthesis


def params(source):
    section = {"source": source, "nvidia": {"revision": REVISION}}
    return Params.model_validate({"dataset": section})


@pytest.mark.parametrize("source", ["hdf5"])
def test_other_sources_are_refused(tmp_path, source):
    with pytest.raises(
        UserError, match=rf"{source}.* cannot fetch yet.*to synthetic, nvidia or l2d"
    ):
        fetch(params(source), tmp_path / "hub", tmp_path / "work", 1)
    assert list(tmp_path.iterdir()) == []


def test_the_synthetic_source_is_recorded(tmp_path, monkeypatch):
    monkeypatch.setattr(synthesis, "fetch", lambda *given: given)
    wanted = params("synthetic")
    assert fetch(wanted, tmp_path, tmp_path, 3) == (wanted, tmp_path, tmp_path, 3)


def test_the_hub_is_given_the_settings_of_the_host(tmp_path, monkeypatch):
    monkeypatch.setattr(nvidia, "fetch", lambda *given, **settings: settings)
    assert fetch(params("nvidia"), tmp_path, tmp_path, 1) == {"tree": None, "quota_bytes": None}
    monkeypatch.setenv("AVVLA_DATA_GB", "1.5")
    monkeypatch.setenv("AVVLA_NVIDIA_TREE", str(tmp_path))
    assert fetch(params("nvidia"), tmp_path, tmp_path, 1) == {
        "tree": tmp_path,
        "quota_bytes": 1_500_000_000,
    }
