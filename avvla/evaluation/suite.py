"""The closed-loop suite: every driver on every family's roads, spread over processes.

A task is one block of roads of one family with one driver. Its roads are driven in step, and the
blocks are cut the same way whatever the number of processes, so that neither that number nor the
order in which tasks end changes a drive.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

from avvla.cluster.chunk_map import map_chunks
from avvla.config import Params
from avvla.evaluation.closed_loop import drive_family
from avvla.evaluation.drive import Drive, summarise
from avvla.evaluation.judges import JUDGED
from avvla.evaluation.names import AGENT, ON_THE_ROAD
from avvla.policy.interface import Policy

BLOCK = 20
"""Roads that are driven in step, at most."""

Factory = Callable[[str], Policy]
"""Makes a driver from its name; hashable and picklable, as every process makes its own."""


@dataclass(frozen=True)
class Task:
    """A block of roads of one family with one driver."""

    driver: str
    family: str
    seeds: tuple[int, ...]


def tasks(roads: int) -> list[Task]:
    """Every driver on the roads 0 to roads - 1 of every family, in the order of the report."""
    blocks = [tuple(range(begin, min(begin + BLOCK, roads))) for begin in range(0, roads, BLOCK)]
    return [
        Task(driver, family, seeds)
        for driver in ON_THE_ROAD
        for family in JUDGED
        for seeds in blocks
    ]


def run(factory: Factory, params: Params, workers: int) -> dict[str, list[Drive]]:
    """Drive the suite: the drives of each driver, by family in the order of JUDGED, then by seed.

    Raises:
        UserError: a driver cannot be made, or a worker process was killed.
    """
    todo = tasks(params.evaluate.roads)
    done = map_chunks(partial(_drive, factory, params, todo), range(len(todo)), workers, "drive")
    drives: dict[str, list[Drive]] = {driver: [] for driver in ON_THE_ROAD}
    for task, driven in zip(todo, done, strict=True):
        drives[task.driver] += driven
    return drives


def metrics(drives: Mapping[str, Sequence[Drive]]) -> dict[str, Any]:
    """The agent's rates by family, and beside them those of each other driver under its name."""
    summaries: dict[str, Any] = {
        driver: {"families": by_family(listed)} for driver, listed in drives.items()
    }
    return {**summaries.pop(AGENT), **summaries}


def by_family(drives: Sequence[Drive]) -> dict[str, dict[str, float | int]]:
    """`summarise` of each family's drives."""
    families = dict.fromkeys(drive.family for drive in drives)
    return {
        family: summarise([drive for drive in drives if drive.family == family])
        for family in families
    }


def _drive(factory: Factory, params: Params, todo: Sequence[Task], index: int) -> list[Drive]:
    task = todo[index]
    return drive_family(
        task.family,
        list(task.seeds),
        _policy(factory, task.driver),
        params.evaluate,
        params.build,
        params.dataset.synthetic,
        scored=task.driver == AGENT,
    )


# A process drives many tasks with the few drivers that it has made.
@cache
def _policy(factory: Factory, driver: str) -> Policy:
    return factory(driver)
