"""Speed of the closed-loop suite: rollouts of 20 s a minute, over all families and processes.

    python bench/closed_loop.py --checkpoint models/field_agent

A rollout that ends early, off the road or in a collision, counts as the share of 20 s that it
lasted. The agent is timed with and without NAVSIM's scores of its plans. Constant velocity drives
CANARY times as many roads, or the start of the processes would be most of its time.
"""

import argparse
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from avvla import host
from avvla.cluster.chunk_map import map_chunks
from avvla.config import Params
from avvla.evaluation.closed_loop import drive_family
from avvla.evaluation.drivers import Drivers
from avvla.evaluation.judges import JUDGED
from avvla.evaluation.names import AGENT, CONSTANT_VELOCITY
from avvla.params import load_params

ROLLOUT_S = 20.0
CANARY = 20


@dataclass(frozen=True)
class Run:
    """A driver, and whether its plans are scored."""

    driver: str
    scored: bool


def family(checkpoint: Path, params: Params, run: Run, roads: int, index: int) -> float:
    """Seconds driven on the roads of one family."""
    policy = Drivers(checkpoint, "cpu")(run.driver)
    drives = drive_family(
        JUDGED[index],
        list(range(roads)),
        policy,
        params.evaluate,
        params.build,
        params.dataset.synthetic,
        scored=run.scored,
    )
    return sum(drive.lasted_s for drive in drives)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checkpoint", type=Path, default=Path("models/field_agent"))
    parser.add_argument("--roads", type=int, default=10)
    arguments = parser.parse_args()
    params, workers = load_params(), host.workers()
    for run in (Run(AGENT, True), Run(AGENT, False), Run(CONSTANT_VELOCITY, False)):
        begin = time.perf_counter()
        roads = arguments.roads * (CANARY if run.driver == CONSTANT_VELOCITY else 1)
        work = partial(family, arguments.checkpoint, params, run, roads)
        driven = sum(map_chunks(work, range(len(JUDGED)), workers, "drive"))
        minutes = (time.perf_counter() - begin) / 60
        kind = "with NAVSIM's scores" if run.scored else "without scores"
        rate = driven / ROLLOUT_S / minutes
        print(f"{run.driver}, {kind}: {rate:.0f} rollouts of 20 s a minute, {workers} processes")


if __name__ == "__main__":
    main()
