"""Write nix/driver-wheels.json: the wheels of requirements/driver.lock by system of the flake.

    uv run --no-project --with pip python nix/wheels.py

Nix fetches a wheel by the parts of its name and its hash; the lock has the hash of every wheel,
and not which of them is whose. pip chooses them for Python 3.13, as for the images, and checks the
hashes.
`make lock` runs it.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LOCK = ROOT / "requirements/driver.lock"
SYSTEMS = {"aarch64-linux": "aarch64", "x86_64-linux": "x86_64"}
LEVELS = ("_2_28", "_2_27", "_2_26", "_2_17", "2014")


def wheels(machine: str) -> list[dict[str, str]]:
    """The parts of each wheel's name and its SHA-256, sorted."""
    platforms = [f"--platform=manylinux{level}_{machine}" for level in LEVELS]
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--only-binary=:all:"]
        command += ["--no-deps", "--require-hashes", "--python-version=3.13", *platforms]
        command += [f"--dest={folder}", f"--requirement={LOCK}"]
        subprocess.run(command, check=True)
        return [parts(path) for path in sorted(Path(folder).iterdir())]


def parts(path: Path) -> dict[str, str]:
    """What nixpkgs' fetchPypi asks for."""
    pname, version, python, abi, platform = path.stem.split("-")
    return {
        "pname": pname,
        "version": version,
        "dist": python,
        "python": python,
        "abi": abi,
        "platform": platform,
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
    }


if __name__ == "__main__":
    found = {system: wheels(machine) for system, machine in sorted(SYSTEMS.items())}
    (ROOT / "nix/driver-wheels.json").write_text(json.dumps(found, indent=2) + "\n")
