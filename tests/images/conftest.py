"""Docker as it is here; what needs an engine or built images is skipped where they are absent."""

import os
import subprocess
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
Run = Callable[..., subprocess.CompletedProcess[str]]


def run(*command: str, fine: bool = True, timeout: float = 120, **env: str):
    """A command in the project's root, with its output as text."""
    done = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    assert not fine or done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done


def told(*command: str) -> str:
    """What a command prints, nothing where it cannot run."""
    try:
        done = run(*command, fine=False)
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


@pytest.fixture(scope="session")
def shell() -> Run:
    return run


@pytest.fixture(scope="session")
def compose_client() -> None:
    if not told("docker", "compose", "version"):
        pytest.skip("docker has no compose plug-in: no compose file was read")


@pytest.fixture(scope="session")
def buildx() -> None:
    if not told("docker", "buildx", "version"):
        pytest.skip("docker has no buildx plug-in: docker-bake.hcl was not read")


@pytest.fixture(scope="session")
def engine() -> None:
    if not told("docker", "version", "--format", "{{.Server.Version}}"):
        pytest.skip("no Docker engine answers: no container was run")


@pytest.fixture(scope="session")
def images(engine: None) -> str:
    """The tag of the driver and sim images, built from this checkout."""
    commit = told("git", "rev-parse", "HEAD")
    for name in ("driver", "sim"):
        form = '{{index .Config.Labels "org.opencontainers.image.revision"}}'
        made_of = told("docker", "image", "inspect", "--format", form, f"avvla/{name}:{VERSION}")
        if not made_of.startswith(commit):
            pytest.skip(f"avvla/{name}:{VERSION} is not of this commit: run `make images`")
    return str(VERSION)
