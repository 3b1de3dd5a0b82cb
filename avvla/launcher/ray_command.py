"""Ray's command line as a child: the command is printed, its exit code is passed on.

The child is asked to end by the Ctrl-C that this process gets too, and is waited for: a launcher
that is cut off leaves machines that nobody knows of.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from avvla.errors import UserError


def up(file: Path, *, restart: bool) -> list[str]:
    """Start a cluster, or bring a running one up to what the file says."""
    kept = [] if restart else ["--no-restart"]
    # What Ray keeps of an earlier file of the name could be older than this one's groups.
    return ["up", str(file), "--yes", "--no-config-cache", "--disable-usage-stats", *kept]


def down(file: Path, *, workers_only: bool) -> list[str]:
    """End a cluster, or its workers alone."""
    return ["down", str(file), "--yes", *(["--workers-only"] if workers_only else [])]


def attach(file: Path, ports: Sequence[int]) -> list[str]:
    """A shell on the head; each port of the head's loopback is one of this machine's meanwhile."""
    return ["attach", str(file), *(f"--port-forward={port}" for port in ports)]


def submit(file: Path, script: Path, arguments: Sequence[str], *, stop: bool) -> list[str]:
    """Copy a Python script to the head and run it there; `stop` ends the cluster after it."""
    options = ["--disable-usage-stats", *(["--stop"] if stop else [])]
    rest = ["--", *map(shlex.quote, arguments)] if arguments else []  # a shell there joins them
    return ["submit", *options, str(file), str(script), *rest]


def shown(arguments: Sequence[str]) -> str:
    """A command of Ray's for a person to copy."""
    return shlex.join(["ray", *arguments])


def call(arguments: Sequence[str]) -> int:
    """Run one; its exit code, or 128 and the signal that ended it.

    Raises:
        UserError: Ray is not installed.
    """
    process = subprocess.Popen(
        [_program(), *arguments], env=os.environ | {"RAY_USAGE_STATS_ENABLED": "0"}
    )
    while True:
        try:
            code = process.wait()
        except KeyboardInterrupt:
            continue
        return code if code >= 0 else 128 - code


def _program() -> str:
    beside = Path(sys.executable).with_name("ray")
    found = str(beside) if beside.exists() else shutil.which("ray")
    if found is None:
        raise UserError(
            "Ray is not installed: run `make setup`, or"
            " `pip install --constraint requirements/dev.lock 'avvla[ray]'`"
        )
    return found
