"""A CARLA server of our own: the command that starts one, and one that runs while it is wanted."""

from __future__ import annotations

import random
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

from avvla.carla import address
from avvla.carla.address import Address
from avvla.carla.settings import Server as ServerSettings
from avvla.errors import UserError

LAUNCHER = "CarlaUE4.sh"
PORTS = range(15000, 32000, 4)
IMAGE = "carlasim/carla"


def launcher(root: Path | None) -> Path:
    """CARLA's start script.

    Raises:
        UserError: the folder is not said, or holds none.
    """
    if root is None:
        raise UserError(
            "CARLA_ROOT is not set: set it to the folder of CARLA's release, which holds"
            f" {LAUNCHER}, or attach to a server that runs (server.mode: attach)"
        )
    script = root / LAUNCHER
    if not script.is_file():
        raise UserError(f"CARLA_ROOT is {str(root)!r}, which holds no {LAUNCHER}")
    return script


def options(port: int, quality: str, offscreen: bool) -> tuple[str, ...]:
    """What the start script is told."""
    window = ("-RenderOffScreen",) if offscreen else ("-windowed", "-ResX=800", "-ResY=600")
    return (*window, "-nosound", f"-quality-level={quality}", f"-carla-rpc-port={port}")


def free_port() -> int:
    """The first of three ports in a row that nobody listens at: calls, streams, and CARLA's own."""
    start = random.SystemRandom().randrange(len(PORTS))
    for step in range(len(PORTS)):
        port = PORTS[(start + step) % len(PORTS)]
        if all(_is_free(port + i) for i in range(3)):
            return port
    raise UserError("no three free ports in a row from 15000 to 32000: end what holds them")


def _is_free(port: int) -> bool:
    with socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            server.bind(("", port))
        except OSError:
            return False
    return True


class Server:
    """A spawned one: in a process group of its own, which ends with it or with this process.

    Args:
        settings: how.
        root: CARLA's folder.
    """

    def __init__(self, settings: ServerSettings, root: Path | None) -> None:
        self._settings, self._script = settings, launcher(root)
        self._keeper: subprocess.Popen[bytes] | None = None
        self.started = 0

    def start(self) -> Address:
        """Start one, or one more, and wait until it listens.

        Raises:
            UserError: it ends before, or does not listen in time.
        """
        self.close()
        place = Address("127.0.0.1", free_port())
        told = options(place.port, self._settings.quality, self._settings.offscreen)
        self._log = tempfile.TemporaryFile()  # noqa: SIM115  (closed with the server)
        self._keeper = subprocess.Popen(
            [sys.executable, "-P", "-m", "avvla.carla.keeper", str(self._script), *told],
            stdin=subprocess.PIPE,
            stdout=self._log,
            stderr=self._log,
            start_new_session=True,
        )
        self.started += 1
        try:
            address.wait(place, self._settings.ready_s, dead=self.dead)
        except UserError:
            self.close()
            raise
        return place

    def dead(self) -> str:
        """How it ended, in words; empty while it runs."""
        code = None if self._keeper is None else self._keeper.poll()
        if code is None:
            return ""
        self._log.seek(0)
        said = self._log.read()[-2000:].decode(errors="replace").strip().splitlines()
        last = f", saying {said[-1].strip()!r}" if said else ""
        return f"{self._script} ended with code {code} before it was ready{last}"

    def close(self) -> None:
        """End its process group."""
        if self._keeper is None:
            return
        assert self._keeper.stdin is not None
        self._keeper.stdin.close()
        self._keeper.wait()
        self._log.close()
        self._keeper = None


def serve_command(port: int, quality: str, *, docker: bool, version: str) -> tuple[str, ...]:
    """What to run on the machine that has the GPU; without docker from CARLA's folder."""
    told = options(port, quality, True)
    if not docker:
        return (LAUNCHER, *told)
    ports = f"--publish={port}-{port + 2}:{port}-{port + 2}"
    return (
        "docker", "run", "--rm", "--gpus=all", ports, f"{IMAGE}:{version}", f"./{LAUNCHER}", *told,
    )  # fmt: skip
