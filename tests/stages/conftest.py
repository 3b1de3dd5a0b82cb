"""A stage in a folder of its own, as `dvc repro` would run it."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType

import pytest
import yaml

from avvla.dataset import split
from avvla.dataset.split import Part, Split

STAGES = Path(__file__).parents[2] / "stages"


@pytest.fixture
def make_stage(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., ModuleType]:
    """Makes a stage's module, with its parameters and the split of a data set beside it."""

    def make(
        name: str, params: dict[str, object], train: Sequence[int], validation: Sequence[int]
    ) -> ModuleType:
        monkeypatch.syspath_prepend(STAGES)
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("AVVLA_WORKERS", "1")
        Path("params.yaml").write_text(yaml.safe_dump(params))
        Path("data/lerobot/meta").mkdir(parents=True)
        Path("data/lerobot/meta/info.json").write_text('{"robot_type": "ego_vehicle"}')
        sides = [
            Part(clips=tuple(f"clip-{number}" for number in side), episodes=tuple(side))
            for side in (train, validation)
        ]
        split.save(Split(train=sides[0], validation=sides[1]), Path("data/lerobot"))
        return importlib.import_module(name)

    return make
