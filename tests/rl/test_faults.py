"""What a training survives: the loss of a node, and of itself."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from rl_factory import SMALL, merged

from avvla.rl.run_folder import RunFolder

TESTS = Path(__file__).parents[1]


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_node_that_is_killed_stops_no_training(tmp_path) -> None:
    run = subprocess.run(
        [sys.executable, Path(__file__).parent / "runner_death.py", tmp_path],
        env=os.environ | {"PYTHONPATH": str(TESTS)},
        capture_output=True,
        text=True,
        timeout=580,
    )
    assert run.returncode == 0, run.stderr[-3000:]
    assert int(run.stdout.splitlines()[-1]) >= 5_000
    assert len([line for line in run.stdout.splitlines() if line.startswith("[")]) >= 2


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_training_that_is_killed_goes_on_from_its_last_whole_checkpoint(tmp_path) -> None:
    config = tmp_path / "small.yaml"
    endless = {"stop": {"steps": 10**9}, "checkpoints": {"every": 1000}}
    config.write_text(yaml.safe_dump(merged(SMALL, endless)))
    command = [sys.executable, "-m", "avvla.cli", "rl", "train", str(config)]
    command += ["--directory", str(tmp_path), "--name", "run"]
    run = RunFolder(tmp_path / "run")
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, start_new_session=True)
    while run.newest() is None:
        assert process.poll() is None
        time.sleep(0.2)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    steps = run.newest().progress.steps
    config.write_text(yaml.safe_dump(merged(SMALL, {"stop": {"steps": steps + 1000}})))
    for _ in range(3):
        done = subprocess.run([*command, "--resume", "must"], capture_output=True, text=True)
        if "Ray was not up" not in done.stderr:
            break
    assert done.returncode == 0, done.stderr[-3000:]
    assert f"going on from {run.folder}" in done.stdout
    assert run.newest().progress.steps >= steps + 1000
    assert run.newest().progress.rows[0]["steps"] <= steps
