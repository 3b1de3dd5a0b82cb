import sys
from pathlib import Path

import devkit_double
import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def devkit(monkeypatch):
    """A double of the devkit, importable as `navsim`."""
    for name, module in devkit_double.modules().items():
        monkeypatch.setitem(sys.modules, name, module)
    return devkit_double


@pytest.fixture
def settings():
    """Of an agent whose planner is the canary."""
    here = f"import sys; sys.path.insert(0, {str(ROOT)!r})"
    code = f"{here}; from avvla import cli; sys.exit(cli.main())"
    return {
        "planner": [sys.executable, "-c", code, "navsim", "serve"],
        "policy": "constant_velocity",
        "checkpoint": "",
        "device": "cpu",
        "crop": {"up_deg": 10.0, "down_deg": 33.0, "side_deg": 50.0, "aspect": "stretch"},
        "commands": ["Turn left", "Go straight", "Turn right", "Follow the lane"],
    }
