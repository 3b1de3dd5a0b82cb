"""Runs the data stages in this folder; kills them at random moments before, again and again.

    python kill_stages.py STAGES_FOLDER ROUNDS KILLS SEED

Each round starts from nothing, is killed KILLS times and then goes on to its end. Every child is a
fork that finds the modules imported and their code known, so that a start costs nothing. Prints a
line with the hash of all results at the end of each round, first that of a round without a kill.
"""

import hashlib
import os
import random
import shutil
import signal
import sys
import time
from pathlib import Path

sys.path.insert(0, sys.argv[1])

import download
import fit_actions
import label

from avvla.cluster.fingerprint import identity
from avvla.params import load_params


def stages():
    params = load_params()
    download.download(params)
    label.label_all(params)
    fit_actions.fit_all(params)


def start():
    child = os.fork()
    if child == 0:
        with Path(os.devnull).open("w") as sys.stdout:
            stages()
        os._exit(0)
    return child


def finish():
    assert os.waitpid(start(), 0)[1] == 0


def digest():
    """Of the names and bytes of all results: not of temporary files and the record of a run."""
    content = hashlib.sha256()
    for top in ("data", "results", "raw", "work"):
        for path in sorted(Path(top).rglob("*")):
            hidden = any(part.startswith(".") for part in path.parts)
            if path.is_file() and not hidden and path.name != "last_run.json":
                content.update(f"{path}\n".encode() + path.read_bytes())
    return content.hexdigest()


def clear():
    for top in ("data", "results", "raw", "work"):
        shutil.rmtree(top, ignore_errors=True)


def main(rounds, kills, seed):
    draw = random.Random(seed)
    for module in ("world", "labels", "actions"):
        identity(f"avvla.{module}.chunk")
    begin = time.monotonic()
    finish()
    whole_s = time.monotonic() - begin
    print(digest())
    for _ in range(rounds):
        clear()
        for _ in range(kills):
            child = start()
            time.sleep(draw.uniform(0.0, whole_s))
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
        finish()
        print(digest())


if __name__ == "__main__":
    main(*map(int, sys.argv[2:]))
