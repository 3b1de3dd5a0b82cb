"""What a chunk costs in each stage of the data, and what fanning out costs and saves.

    python bench/scale.py

The stages run from nothing in a folder of their own, with params.yaml at CHUNKS chunks and one
worker; then `fit_actions` again by each backend and number of workers, and a map of chunks that
only sleep. Processor time is of the chunks' steps, memory the most that a process of the stage had.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[1]
CHUNKS = 8
STAGES = ("download", "label", "fit_actions", "build_dataset")
BACKENDS, WORKERS = ("local", "ray"), (1, 2)
SLEEPS, SLEEPERS = 16, (1, 2, 8)
SLEEP = """
import time
from avvla.cluster.chunk_map import map_chunks
if __name__ == "__main__":
    map_chunks(time.sleep, [1] * {chunks}, {workers}, "sleep")
"""


def run(folder: Path, script: Path, backend: str, workers: int) -> tuple[float, float]:
    """Seconds that a script took, and its peak memory [MiB]."""
    begin = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, script],
        cwd=folder,
        env={
            **os.environ,
            "AVVLA_BACKEND": backend,
            "AVVLA_DATA": str(folder / "raw"),
            "AVVLA_WORK": str(folder / "work"),
            "AVVLA_WORKERS": str(workers),
            "HF_HUB_OFFLINE": "1",
            "OMP_NUM_THREADS": "1",
            "PYTHONHASHSEED": "0",
            "PYTHONPATH": str(ROOT),
            "TQDM_DISABLE": "1",
        },
        stdout=subprocess.DEVNULL,
    )
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"{script} failed")
    return time.perf_counter() - begin, usage.ru_maxrss / 1024


def made(folder: Path) -> None:
    """A place for the stages: parameters of CHUNKS chunks."""
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    synthetic = params["dataset"]["synthetic"]
    synthetic["clips"] = CHUNKS * synthetic["clips_per_chunk"]
    (folder / "params.yaml").write_text(yaml.safe_dump(params))
    for path in ("data", "results"):
        (folder / path).mkdir()


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="avvla-scale-") as name:
        folder = Path(name)
        made(folder)
        print(
            f"a chunk, mean of {CHUNKS}\n{'stage':<16}{'cpu s':>8}{'MB kept':>10}{'peak GiB':>10}"
        )
        for stage in STAGES:
            _, peak = run(folder, ROOT / f"stages/{stage}.py", "local", 1)
            last = json.loads((folder / f"work/{stage}/last_run.json").read_text())
            kept = last["bytes"] / CHUNKS / 1e6
            print(f"{stage:<16}{last['cpu_s'] / CHUNKS:>8.2f}{kept:>10.3f}{peak / 1024:>10.2f}")
        print(f"\nfit_actions, {CHUNKS} chunks\n{'workers':<10}{'local s':>9}{'ray s':>9}")
        for workers in WORKERS:
            row = []
            for backend in BACKENDS:
                (folder / "work/fit_actions").rename(folder / f"kept-{backend}-{workers}")
                row.append(run(folder, ROOT / "stages/fit_actions.py", backend, workers)[0])
            print(f"{workers:<10}" + "".join(f"{spent:>9.1f}" for spent in row))
        print(
            f"\n{SLEEPS} chunks that sleep for a second\n{'workers':<10}{'local s':>9}{'ray s':>9}"
        )
        for workers in SLEEPERS:
            script = folder / "sleep.py"
            script.write_text(SLEEP.format(chunks=SLEEPS, workers=workers))
            row = [run(folder, script, backend, workers)[0] for backend in BACKENDS]
            print(f"{workers:<10}" + "".join(f"{spent:>9.1f}" for spent in row))


if __name__ == "__main__":
    main()
