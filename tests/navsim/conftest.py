import sys
from pathlib import Path

import devkit_double
import pytest
import score_tables

from avvla.navsim.scores import SPLITS, Split

ROOT = Path(__file__).parents[2]


@pytest.fixture
def devkit(monkeypatch):
    """A double of the devkit, importable as `navsim`."""
    for name, module in devkit_double.modules().items():
        monkeypatch.setitem(sys.modules, name, module)
    return devkit_double


@pytest.fixture
def settings():
    """Of an agent whose driver is the canary."""
    here = f"import sys; sys.path.insert(0, {str(ROOT)!r})"
    code = f"{here}; from avvla import cli; sys.exit(cli.main())"
    return {
        "driver": [sys.executable, "-c", code, "navsim", "serve"],
        "policy": "constant_velocity",
        "checkpoint": "",
        "device": "cpu",
        "commands": ["Turn left", "Go straight", "Turn right", "Follow the lane"],
    }


@pytest.fixture
def small_splits(monkeypatch):
    """Splits of a few scenes under the names of the large ones."""
    monkeypatch.setitem(SPLITS, "navtest", Split(20))
    monkeypatch.setitem(SPLITS, "navhard_two_stage", Split(4, 8))


@pytest.fixture
def scores_csv(tmp_path):
    """Writes a table as the devkit does and tells its path."""

    def write(table):
        path = tmp_path / "scores.csv"
        path.write_text(score_tables.text(table))
        return path

    return write
