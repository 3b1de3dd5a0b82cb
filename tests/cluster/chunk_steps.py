"""Steps that a spawned worker imports by name."""

import os
import signal
import time

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


def die(chunk):
    os.kill(os.getpid(), signal.SIGKILL)


def sleep(folder, chunk):
    (folder / str(os.getpid())).touch()
    time.sleep(60)
