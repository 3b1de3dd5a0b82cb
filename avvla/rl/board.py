"""TensorBoard beside a training, on the loopback unless told otherwise."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from avvla.errors import UserError

END_S = 5.0
"""Seconds that it is given to end by itself."""


@contextmanager
def tensorboard(folder: Path, address: str, port: int) -> Iterator[None]:
    """Serve the curves of a folder while the block lasts.

    Raises:
        UserError: the port is none, is taken, or the address is not this machine's.
    """
    if not 0 < port < 65536:
        raise UserError(f"--tensorboard is {port}, expected a port from 1 to 65535")
    _require_free(address, port)
    process = subprocess.Popen(
        [
            sys.executable, "-m", "tensorboard.main", "--logdir", str(folder),
            "--host", address, "--port", str(port),
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # Ctrl-C is for the training, which ends this
    )  # fmt: skip
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(END_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _require_free(address: str, port: int) -> None:
    """TensorBoard's own words on it are lost among its warnings."""
    try:
        family, *_, where = socket.getaddrinfo(address, port, type=socket.SOCK_STREAM)[0]
        socket.create_server(where[:2], family=family).close()
    except (OSError, UnicodeError) as error:
        raise UserError(
            f"--tensorboard cannot serve at {address}:{port} ({error}): give another port, or a"
            " --tensorboard-host that is this machine's"
        ) from None
