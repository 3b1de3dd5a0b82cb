"""Ray's commands: what they are by Ray's own parser, and their end."""

import importlib.util
import os
import signal
import sys
from pathlib import Path

import pytest

from avvla.errors import UserError
from avvla.launcher import ray_command

PYTHON = sys.executable  # before a test says otherwise
FILE, SCRIPT = Path("cluster.yaml"), Path("job.py")
EVERY = [
    ray_command.up(FILE, restart=True),
    ray_command.up(FILE, restart=False),
    ray_command.down(FILE, workers_only=True),
    ray_command.attach(FILE, [8265, 6006]),
    ray_command.submit(FILE, SCRIPT, ["--n", "1"], stop=True),
]


@pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="Ray is not installed")
def test_ray_knows_every_option():
    from ray.scripts.scripts import cli

    parsed = {}
    for name, *rest in EVERY:
        command = cli.commands[name]
        parsed[name] = command.make_context(name, list(rest)).params
    assert parsed["up"]["no_restart"]
    assert parsed["down"]["workers_only"]
    assert parsed["attach"]["port_forward"] == (8265, 6006)
    assert parsed["submit"]["stop"]
    assert parsed["submit"]["script_args"] == ("--n", "1")
    assert {params["cluster_config_file"] for params in parsed.values()} == {"cluster.yaml"}


def test_a_scripts_arguments_survive_the_shell_there():
    assert ray_command.submit(FILE, SCRIPT, ["a b"], stop=False)[-2:] == ["--", "'a b'"]


def _double(folder, monkeypatch, text):
    """A double of the program ray, beside a python of its own."""
    program = folder / "ray"
    program.write_text(f"#!{PYTHON}\n{text}\n")
    program.chmod(0o755)
    monkeypatch.setattr(ray_command.sys, "executable", str(folder / "python"))


def test_the_exit_code_is_passed_on(tmp_path, monkeypatch, capfd):
    _double(
        tmp_path,
        monkeypatch,
        "import os, sys; print(sys.argv[1:], os.environ['RAY_USAGE_STATS_ENABLED']); sys.exit(7)",
    )
    assert ray_command.call(["up", "a b"]) == 7
    assert capfd.readouterr().out == "['up', 'a b'] 0\n"
    _double(tmp_path, monkeypatch, "import os; os.kill(os.getpid(), 15)")
    assert ray_command.call([]) == 128 + 15


def test_a_child_that_is_interrupted_ends_by_itself(tmp_path, monkeypatch):
    done = tmp_path / "done"
    _double(
        tmp_path,
        monkeypatch,
        "import os, pathlib, signal, time\n"
        f"os.kill({os.getpid()}, {int(signal.SIGINT)})\n"
        f"time.sleep(0.3)\npathlib.Path({str(done)!r}).touch()",
    )
    assert ray_command.call([]) == 0
    assert done.exists()


def test_without_ray(tmp_path, monkeypatch):
    monkeypatch.setattr(ray_command.sys, "executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserError, match="Ray is not installed"):
        ray_command.call(["up"])
