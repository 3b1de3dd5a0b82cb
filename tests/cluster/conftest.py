"""Workers find `chunk_steps` on the path that they inherit."""

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from avvla.cluster import attempt

sys.path.append(str(Path(__file__).parent))


@pytest.fixture(params=["local", "ray"])
def backend(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both places where a map may run."""
    monkeypatch.setenv("AVVLA_BACKEND", request.param)
    if request.param == "ray":
        request.getfixturevalue("ray_running")
    return str(request.param)


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What a retry in this process waits, instead of waiting."""
    waited: list[float] = []
    monkeypatch.setattr(attempt, "time", SimpleNamespace(sleep=waited.append))
    return waited
