"""The child process that holds CARLA's client, seen from the process that drives.

CARLA's library aborts its process at a malformed message, and its threads go on at exit. So it
lives in a child: what becomes of it is an error here. The child ends with this process and then
destroys what it has spawned.
"""

from __future__ import annotations

import importlib.metadata
import multiprocessing
import platform
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from typing import Any

from avvla.carla.address import Address
from avvla.carla.exchange import Departure, Opened, Reading, ServerLostError, Tick
from avvla.carla.settings import CarlaSettings, Trip
from avvla.errors import UserError

HUNG_S = 600.0
"""After it a child that does not answer is given up; each call to the server has its own limit."""
END_S = 10.0


def require() -> str:
    """The version of the installed client.

    Raises:
        UserError: there is none, with why.
    """
    try:
        return importlib.metadata.version("carla")
    except importlib.metadata.PackageNotFoundError:
        here = f"Python {platform.python_version()} on {platform.machine()}"
        raise UserError(
            "CARLA's client is not installed: its wheels are for Python 3.12 on x86_64 (the extra"
            f" carla), this is {here}; drive in CARLA from such a machine, or use --world embedded"
        ) from None


class Client:
    """One child; of use until it is closed or lost."""

    def __init__(self) -> None:
        require()
        self._pipe, theirs = multiprocessing.Pipe()
        self._log = tempfile.TemporaryFile()  # noqa: SIM115  (closed with the client)
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "avvla.carla.worker", str(theirs.fileno())],
            pass_fds=(theirs.fileno(),),
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
            start_new_session=True,  # Ctrl-C is for the parent, which then closes the child
        )
        theirs.close()

    def versions(self, address: Address, timeout_s: float) -> tuple[str, str]:
        """The server's version and the client's."""
        return self._call("versions", address, timeout_s)  # type: ignore[no-any-return]

    def open(self, address: Address, settings: CarlaSettings) -> Opened:
        """Make the server's world as the settings say."""
        return self._call("open", address, settings)  # type: ignore[no-any-return]

    def reset(self, seed: int, trip: Trip) -> Departure:
        """Begin a drive."""
        return self._call("reset", seed, trip)  # type: ignore[no-any-return]

    def step(self, acceleration: float, curvature: float) -> Tick:
        """Drive for 0.1 s."""
        return self._call("step", acceleration, curvature)  # type: ignore[no-any-return]

    def sense(self, names: Sequence[str]) -> dict[str, Reading]:
        """What sensors said in the last frame."""
        return self._call("sense", tuple(names))  # type: ignore[no-any-return]

    def close(self) -> None:
        """Let the child destroy what it spawned, give the server back its settings and end."""
        self._pipe.close()
        try:
            self._process.wait(END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._log.close()

    def _call(self, verb: str, *arguments: Any) -> Any:
        """What a method of `avvla.carla.session.Session` answers.

        Raises:
            ServerLostError: the server or the child is gone.
            UserError: what was asked for cannot be had.
        """
        try:
            self._pipe.send((verb, arguments))
            if not self._pipe.poll(HUNG_S):
                self._process.kill()
            kind, value = self._pipe.recv()
        except (EOFError, OSError):
            raise ServerLostError(self._epitaph(verb)) from None
        if kind == "lost":
            raise ServerLostError(value)
        if kind == "refused":
            raise UserError(value)
        if kind == "failed":
            raise RuntimeError(f"CARLA's client failed at {verb}:\n{value}")
        return value

    def _epitaph(self, verb: str) -> str:
        try:
            code = self._process.wait(END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            code = self._process.wait()
        how = f"ended with code {code}" if code >= 0 else f"died of {signal.Signals(-code).name}"
        self._log.seek(0)
        said = self._log.read()[-2000:].decode(errors="replace").split("\n")
        last = next((line.strip() for line in reversed(said) if line.strip()), "")
        return (
            f"CARLA's client {how} at {verb}{f', saying {last!r}' if last else ''}: the server sent"
            " what it cannot read, or another version; check it with `avvla carla doctor`"
        )
