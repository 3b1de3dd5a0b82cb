"""NVIDIA's layout behind the loopback hub, and this process as one that may ask it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from factory import REVISION, data_set, recordings
from loopback_hub import LoopbackHub, reached

from avvla.config import Params
from avvla.hub import nvidia
from avvla.physical_ai import manifest
from avvla.physical_ai.manifest import Manifest

REPO = "nvidia/PhysicalAI-Autonomous-Vehicles"


@pytest.fixture(scope="session")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three chunks of two clips in a plain folder."""
    root = tmp_path_factory.mktemp("tree")
    listing = data_set(root, recordings(6, seed=3))
    return manifest.root(listing, root)


@pytest.fixture
def hub(tree: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LoopbackHub]:
    """The tree behind the hub that huggingface_hub finds."""
    with LoopbackHub.of_folder(tree, REPO, REVISION) as served, reached(served, monkeypatch):
        yield served


@dataclass(frozen=True)
class Place:
    """A hub cache and a work folder."""

    data: Path
    work: Path

    def fetch(
        self,
        *,
        workers: int = 1,
        tree: Path | None = None,
        quota: int | None = None,
        **nvidia_: Any,
    ) -> Manifest:
        section = {"revision": REVISION, **nvidia_}
        params = Params.model_validate({"dataset": {"source": "nvidia", "nvidia": section}})
        return nvidia.fetch(params, self.data, self.work, workers, tree=tree, quota_bytes=quota)

    def contents(self) -> dict[str, bytes]:
        """Files of the snapshots by path; none may be there without its final bytes."""
        paths = sorted(path for path in self.data.glob("*/snapshots/**/*") if path.is_file())
        return {path.relative_to(self.data).as_posix(): path.read_bytes() for path in paths}


@pytest.fixture
def make_place(tmp_path: Path) -> Callable[[str], Place]:
    return lambda name: Place(tmp_path / name / "data", tmp_path / name / "work")


@pytest.fixture
def place(make_place: Callable[[str], Place]) -> Place:
    return make_place("here")
