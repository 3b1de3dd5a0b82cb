"""Runs a command in a process group of its own, and ends the group when its owner is gone.

`python -m avvla.carla.keeper COMMAND...`, with the owner's pipe as standard input: its end is the
sign, so that a killed trainer leaves no server on the GPU. Only this group is ever ended.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Sequence

GRACE_S = 5.0
LOOK_S = 0.1


def main(command: Sequence[str]) -> int:
    """The command's exit code; 0 where it was ended."""
    try:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)
    except OSError as error:
        print(f"{command[0]} cannot be started: {error.strerror}", file=sys.stderr)  # noqa: T201
        return 127
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        while process.poll() is None:
            if select.select([0], [], [], LOOK_S)[0] and not os.read(0, 1):
                return 0
        return process.returncode
    finally:
        end_group(process)


def end_group(process: subprocess.Popen[bytes]) -> None:
    """Ask the group to end, then make it; a launcher that is gone may have left its server."""
    for sign in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, sign)
        end = time.monotonic() + GRACE_S
        while time.monotonic() < end and _alive(process):
            time.sleep(LOOK_S / 2)


def _alive(process: subprocess.Popen[bytes]) -> bool:
    process.poll()
    try:
        os.killpg(process.pid, 0)
    except ProcessLookupError:
        return False
    return True


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
