"""Steps that a spawned worker or a Ray worker imports by name."""

import errno
import os
import signal
import time
from pathlib import Path

from avvla.errors import UserError
from avvla.files import replacing

DOOMED = "doomed"
"""File with the id of the node that is to die."""
STARTED = ".started"


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


def write_in_two_goes(folder, chunk):
    """On the doomed node it never comes to the second one."""
    import ray

    with replacing(folder / f"chunk_{chunk}.txt") as temporary:
        temporary.write_text("half")
        if ray.get_runtime_context().get_node_id() == (folder / DOOMED).read_text():
            (folder / f"{chunk}{STARTED}").touch()
            time.sleep(60)
        temporary.write_text(f"the whole of chunk {chunk}")
    return chunk * chunk
