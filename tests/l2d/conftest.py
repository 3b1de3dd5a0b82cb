"""Copies of the small data set, to be changed."""

import shutil

import pytest
from l2d_factory import Copy


@pytest.fixture
def copy(tmp_path, l2d_hub):
    shutil.copytree(l2d_hub, tmp_path / "hub")
    return Copy(tmp_path / "hub")


@pytest.fixture(scope="session")
def whole(l2d_hub):
    """The data set itself, not to be changed."""
    return Copy(l2d_hub)
