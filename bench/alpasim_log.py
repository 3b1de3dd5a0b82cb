"""A long log of Alpasim summed up: time and memory, against reading the same bytes once.

The log is made up here: 200 steps of four cameras, images of the size of a 1900x1080 JPEG, about
400 MB. The reference is the time to read the file front to back with nothing done; both find it in
the system's cache, unless `--log` names another. The summary runs in a process of its own, so its
memory is its own.

    python bench/alpasim_log.py [--log rollout.asl]
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from alpasim_factory import metadata, step

STEPS, CAMERAS, IMAGE_BYTES, ROUNDS = 200, 4, 500_000, 3
PIECE = 1 << 20


def make(path: Path) -> None:
    images = {f"camera_{number}": os.urandom(IMAGE_BYTES) for number in range(CAMERAS)}
    with path.open("wb") as file:
        file.write(metadata(STEPS))
        for number in range(STEPS):
            file.write(step(number, images))


def read_all(path: Path) -> float:
    begin = time.perf_counter()
    with path.open("rb", buffering=0) as file:
        while file.read(PIECE):
            pass
    return time.perf_counter() - begin


def summed_up(path: str) -> None:
    """In a process of its own: a line of JSON."""
    from avvla.alpasim.summary import read

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    begin = time.perf_counter()
    found = read(Path(path))
    spent_s = time.perf_counter() - begin
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    figures = {"steps": found.steps, "spent_s": spent_s, "peak_mb": after / 1e3}
    print(json.dumps(figures | {"grown_mb": (after - before) / 1e3}))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--log", type=Path)
    parser.add_argument("--summary", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.summary:
        summed_up(arguments.summary)
        return
    with tempfile.TemporaryDirectory() as folder:
        log = arguments.log or Path(folder) / "rollout.asl"
        if arguments.log is None:
            make(log)
        reading, spent, rows = [], [], []
        for _ in range(ROUNDS):
            reading.append(read_all(log))
            done = subprocess.run(
                [sys.executable, __file__, "--summary", str(log)],
                stdout=subprocess.PIPE,
                check=True,
            )
            rows.append(json.loads(done.stdout))
            spent.append(rows[-1]["spent_s"])
        size = log.stat().st_size
    best, reference = min(spent), min(reading)
    print(
        f"{size / 1e6:.0f} MB, {rows[0]['steps']} steps: summary {best * 1e3:.0f} ms, reading"
        f" {reference * 1e3:.0f} ms, peak memory {max(row['peak_mb'] for row in rows):.0f} MB"
    )
    figures = {
        "bytes": size,
        "summary_s": best,
        "read_s": reference,
        "peak_mb": max(row["peak_mb"] for row in rows),
        "grown_mb": max(row["grown_mb"] for row in rows),
        "ratio": reference / best,
    }
    print(json.dumps(figures, sort_keys=True))


if __name__ == "__main__":
    main()
