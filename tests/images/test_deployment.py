"""Containers of the built images, from `up` to their end. The arm64 ones run under emulation."""

import json
import os
import re
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.timeout(600)

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
CLIENT = [f"--volume={HERE}:/session:ro", f"--volume={ROOT / 'bench'}:/bench:ro"]


class Project:
    """A compose project of its own, ended with the test."""

    def __init__(self, shell, name: str, files: list[str], **env: str) -> None:
        self._shell, self._env = shell, env
        paths = [path if "/" in path else f"docker/{path}" for path in files]
        chosen = [part for path in paths for part in ("--file", path)]
        self._command = ["docker", "compose", "--project-name", f"{name}-{os.getpid()}", *chosen]

    def __call__(self, *arguments: str, fine: bool = True) -> subprocess.CompletedProcess[str]:
        return self._shell(*self._command, *arguments, fine=fine, timeout=400, **self._env)

    def container(self, service: str) -> str:
        return self("ps", "--all", "--quiet", service).stdout.strip()

    def address(self, service: str) -> str:
        form = "{{range .NetworkSettings.Networks}}{{.Gateway}}{{end}}"
        found = self._shell("docker", "inspect", "--format", form, self.container(service))
        return str(found.stdout.strip())


@pytest.fixture
def project(shell, images: str, tmp_path: Path) -> Iterator[Callable[..., Project]]:
    made: list[Project] = []

    def make(name: str, *files: str, **env: str) -> Project:
        settings = {"AVVLA_VERSION": images, "AVVLA_RUNS": str(tmp_path), **env}
        made.append(Project(shell, name, list(files), **settings))
        return made[-1]

    yield make
    for one in reversed(made):
        one("down", "--timeout", "5", "--volumes", fine=False)


def session(project: Project, address: str, *arguments: str, detach: bool = False) -> str:
    """Output of a client in a container of the service sim; its id where it goes on by itself."""
    mode = ["--detach"] if detach else ["--rm"]
    command = ["run", *mode, "--no-deps", *CLIENT, "--env=PYTHONPATH=/bench", "--entrypoint=python"]
    done = project(*command, "sim", "/session/canary_session.py", address, *arguments)
    return done.stdout.strip()


def state(shell, container: str) -> dict[str, object]:
    found = shell("docker", "inspect", "--format", "{{json .State}}", container)
    return json.loads(found.stdout)


def test_an_amd64_client_drives_the_arm64_driver_until_it_is_told_to_end(project, shell) -> None:
    host = project("arm", "compose.single.yaml", str(HERE / "arm64.yaml"), AVVLA_DRIVER_PORT="0")
    host("up", "--detach", "--wait", "driver")
    driver = host.container("driver")
    assert state(shell, driver)["Health"]["Status"] == "healthy"
    machine = "import platform; print(platform.machine())"
    assert host("exec", "driver", "python", "-c", machine).stdout.strip() == "aarch64"
    offset = re.search(r"60 steps, at most ([\d.]+) m off", session(host, "driver:6000"))
    assert offset
    assert float(offset[1]) < 1.0
    assert "driver:6000 serves" in host("run", "--rm", "sim").stdout
    begin = time.monotonic()
    host("stop", "driver")  # SIGTERM, and SIGKILL after stop_grace_period
    assert time.monotonic() - begin < 12
    ended = state(shell, driver)
    assert (ended["ExitCode"], ended["OOMKilled"]) == (0, False)
    assert "ended" in host("logs", "driver").stdout


def test_two_hosts_and_a_driver_that_is_started_again_within_a_session(project, shell) -> None:
    with socket.create_server(("0.0.0.0", 0)) as free:
        port = str(free.getsockname()[1])  # one that stays over a restart
    there = project(
        "far", "compose.driver.yaml", AVVLA_DRIVER_BIND="0.0.0.0", AVVLA_DRIVER_PORT=port
    )
    there("up", "--detach", "--wait")
    address = f"{there.address('driver')}:{port}"
    host, _, _ = address.rpartition(":")
    here = project("near", "compose.sim.yaml", AVVLA_DRIVER_HOST=host, AVVLA_DRIVER_PORT=port)
    assert f"{address} serves" in here("up").stdout
    client = session(here, address, "--sessions=2", "--pause=0.2", detach=True).split()[-1]
    deadline = time.monotonic() + 60
    while "step 10" not in shell("docker", "logs", client).stdout:
        assert time.monotonic() < deadline
        time.sleep(0.5)
    there("restart", "driver")
    assert shell("docker", "wait", client, timeout=200).stdout.strip() == "0"
    told = shell("docker", "logs", client).stdout
    shell("docker", "rm", client)
    assert re.search(r"session 1: lost, (UNAVAILABLE|NOT_FOUND|CANCELLED)", told), told
    assert "session 2: 60 steps" in told


def test_no_driver_where_one_is_looked_for(project) -> None:
    here = project("alone", "compose.sim.yaml", AVVLA_DRIVER_HOST="127.0.0.1")
    done = here("run", "--rm", "sim", fine=False)
    assert done.returncode == 1
    assert "no driver answers at 127.0.0.1:6000 (UNAVAILABLE)" in done.stderr


def test_a_port_that_is_taken(project) -> None:
    first = project("one", "compose.driver.yaml", AVVLA_DRIVER_PORT="0")
    first("up", "--detach")
    port = first("port", "driver", "6000").stdout.strip().rpartition(":")[2]
    second = project("two", "compose.driver.yaml", AVVLA_DRIVER_PORT=port)
    done = second("up", "--detach", fine=False)
    assert done.returncode != 0
    assert f"{port}" in done.stderr
    assert "port is already allocated" in done.stderr or "address already in use" in done.stderr


@pytest.mark.parametrize("architecture", ["amd64", "arm64"])
def test_what_is_in_the_lean_images(architecture: str, images: str, shell) -> None:
    container = ["docker", "run", "--rm", f"--platform=linux/{architecture}", "--read-only"]
    limits = ["--user=4321:4321", "--cap-drop=ALL", "--network=none"]
    script = (
        "import importlib.util as u, os, shutil;"
        "print([n for n in ('torch','lerobot','cv2','scipy','pip','uv') if u.find_spec(n)],"
        "[n for n in ('gcc','cc','pip3','pip') if shutil.which(n)],"
        "os.listdir('/var/lib/apt/lists'), os.listdir('/var/cache/apt'), os.getuid())"
    )
    command = ["--entrypoint=python", f"avvla/driver:{images}", "-c", script]
    assert shell(*container, *limits, *command).stdout.strip() == "[] [] [] [] 4321"
    driver = [*container, *limits, f"avvla/driver:{images}", "driver", "serve", "--policy"]
    done = shell(*driver, "smolvla", "--checkpoint", "/checkpoint", fine=False)
    (line,) = done.stderr.splitlines()
    assert done.returncode == 1
    assert "which is not installed here" in line


@pytest.mark.parametrize("name", ["driver", "sim"])
def test_the_labels_say_what_the_image_is_made_of(name: str, images: str, shell) -> None:
    form = "{{json .Config}}"
    told = shell("docker", "image", "inspect", "--format", form, f"avvla/{name}:{images}")
    config = json.loads(told.stdout)
    assert config["Labels"]["org.opencontainers.image.version"] == images
    assert re.fullmatch(
        r"[0-9a-f]{40}(-dirty)?", config["Labels"]["org.opencontainers.image.revision"]
    )
    assert config["User"] == "1000:1000"


def test_the_image_has_the_python_that_is_told(images: str, shell) -> None:
    script = "import sys; print(*sys.version_info[:2], sep='.')"
    image = ["--entrypoint=python", f"avvla/driver:{images}", "-c", script]
    assert shell("docker", "run", "--rm", *image).stdout.strip() == "3.13"
