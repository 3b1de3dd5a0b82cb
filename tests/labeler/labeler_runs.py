"""Runs docker/labeler/label.py with the stand-in; as a script, until it is killed."""

from __future__ import annotations

import importlib.util
import os
import signal
import sys
from pathlib import Path
from types import ModuleType

import pytest
from alpamayo_stand_in import R1, REVISION, install

PROGRAM = Path(__file__).parents[2] / "docker/labeler/label.py"


def program() -> ModuleType:
    """label.py as a module; not by its own name, which a stage has too."""
    if str(PROGRAM.parent) not in sys.path:
        sys.path.append(str(PROGRAM.parent))
    spec = importlib.util.spec_from_file_location("labeler_program", PROGRAM)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def arguments(tree: Path, windows: Path, output: Path, *more: str) -> list[str]:
    """The command line of a run on the CPU."""
    paths = ["--tree", str(tree), "--windows", str(windows), "--output", str(output)]
    return [*paths, "--model", R1, "--revision", REVISION, "--device", "cpu", *more]


if __name__ == "__main__":
    model = install(pytest.MonkeyPatch())
    model.fault_at = int(sys.argv[4])
    model.fault = lambda: os.kill(os.getpid(), signal.SIGKILL)
    sys.exit(program().main(arguments(*(Path(text) for text in sys.argv[1:4]))))
