"""Steps that a spawned worker or a Ray worker imports by name."""

import errno
import os
import signal
import time
from pathlib import Path

from avvla.errors import UserError


def halve(chunk):
    return chunk / 2


def refuse_odd(folder, chunk):
    if chunk % 2:
        raise UserError("it is odd")
    (folder / str(chunk)).touch()


def refuse_by_name(chunk):
    raise UserError(f"problem {chunk}")


def fail(chunk):
    raise ZeroDivisionError(chunk)


def die_at_1(chunk):
    if chunk == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return chunk


def die_once_at_1(folder, chunk):
    if chunk == 1 and not (folder / "died").exists():
        (folder / "died").touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return chunk


def lose_the_network_once(folder, chunk):
    if not (folder / str(chunk)).exists():
        (folder / str(chunk)).touch()
        raise OSError(errno.ESTALE, "Stale file handle")
    return chunk


def where(chunk):
    return str(Path.cwd()), os.environ.get("PYTHONHASHSEED")


def sleep(folder, chunk):
    (folder / str(os.getpid())).touch()
    time.sleep(60)
