"""TensorBoard beside a training, on the loopback unless told otherwise."""

from __future__ import annotations

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
        UserError: the port is none.
    """
    if not 0 < port < 65536:
        raise UserError(f"--tensorboard is {port}, expected a port from 1 to 65535")
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
