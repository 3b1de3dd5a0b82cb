"""Fetches the data set in this folder; kills the run at random moments before, again and again.

    python kill_fetch.py REVISION KILLS SEED

Every child is a fork that finds the modules imported, so that a start costs nothing. Prints the
hash of the manifest and of all files: of a run without a kill, and of one after KILLS kills.
"""

import hashlib
import os
import random
import signal
import sys
import time
from pathlib import Path

from avvla.config import Params
from avvla.hub import nvidia
from avvla.physical_ai import manifest


def fetch(folder, revision):
    params = Params.model_validate(
        {"dataset": {"source": "nvidia", "nvidia": {"revision": revision}}}
    )
    data, work = folder / "data", folder / "work"
    listing = nvidia.fetch(params, data, work, 1, tree=None, quota_bytes=None)
    manifest.save(listing, folder / "manifest.json")


def start(folder, revision):
    child = os.fork()
    if child == 0:
        with Path(os.devnull).open("w") as sys.stderr:
            fetch(folder, revision)
        os._exit(0)
    return child


def finish(folder, revision):
    assert os.waitpid(start(folder, revision), 0)[1] == 0


def digest(folder):
    """Of the names and bytes of all files that count."""
    content = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        hidden = any(part.startswith(".") for part in path.parts)
        if path.is_file() and not hidden and path.name != "last_run.json":
            content.update(f"{path.relative_to(folder)}\n".encode() + path.read_bytes())
    return content.hexdigest()


def main(revision, kills, seed):
    draw = random.Random(seed)
    whole, killed = Path("whole").resolve(), Path("killed").resolve()
    begin = time.monotonic()
    finish(whole, revision)
    whole_s = time.monotonic() - begin
    for number in range(kills):
        child = start(killed, revision)
        # Later and later: a run that goes on where the last one was has ever less to do.
        time.sleep(draw.uniform(0.0, whole_s) * (number + 1) / kills)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    finish(killed, revision)
    print(digest(whole), digest(killed))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
