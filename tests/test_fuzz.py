"""A short run of bench/fuzz.py: thousands of inputs that coverage has chosen, none unexpected."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "bench/fuzz.py"
RUNS = 1000


@pytest.mark.skipif(
    importlib.util.find_spec("atheris") is None,
    reason="atheris is not installed (x86_64 Linux has it): nothing was fuzzed",
)
@pytest.mark.parametrize("target", ["logs", "calls", "pictures"])
def test_nothing_unexpected_is_raised(target, tmp_path):
    done = subprocess.run(
        [sys.executable, SCRIPT, "--runs", str(RUNS), "--target", target],
        cwd=tmp_path,  # where an input that is not dealt with is kept
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    figures = json.loads(done.stdout.splitlines()[-1])
    assert figures[f"{target}_inputs"] == RUNS
    assert figures[f"{target}_points"] > 50
    assert list(tmp_path.iterdir()) == []
