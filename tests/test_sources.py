"""Every source that can be fetched is, and the others are refused."""

import pytest
from l2d_factory import FRONT, REVISION

from avvla.config import Params
from avvla.errors import UserError
from avvla.sources import fetch


@pytest.mark.parametrize("source", ["nvidia", "hdf5"])
def test_other_sources_are_refused(tmp_path, source):
    params = Params.model_validate({"dataset": {"source": source}})
    with pytest.raises(UserError, match=rf"{source}.* cannot fetch yet.*to synthetic or l2d"):
        fetch(params, tmp_path / "hub", tmp_path / "work", 1)
    assert not (tmp_path / "hub").exists()


def test_l2d_is_found_by_its_name(l2d_hub, tmp_path):
    l2d = {"revision": REVISION, "drives": 1}
    params = Params.model_validate({"dataset": {"source": "l2d", "camera": FRONT, "l2d": l2d}})
    assert fetch(params, l2d_hub, tmp_path, 1).source == "l2d"
