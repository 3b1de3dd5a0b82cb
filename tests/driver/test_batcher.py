import asyncio
import threading

import numpy as np
import pytest

from avvla.driver.batcher import Batcher
from avvla.driver.scene import Scene, Way


class Slow:
    """Plans when it is let; notes its batches; fails on negative speeds."""

    sees = True

    def __init__(self) -> None:
        self.batches: list[list[float]] = []
        self.go = threading.Event()

    def plan(self, scenes):
        self.go.wait(10)
        self.batches.append([scene.speed_mps for scene in scenes])
        if min(self.batches[-1]) < 0:
            raise ValueError("negative")
        return [Way(np.full((64, 3), scene.speed_mps), "") for scene in scenes]


def run(speeds, most, *, leaves=()):
    planner = Slow()

    async def main():
        batcher = Batcher(planner, most)
        tasks = [asyncio.create_task(batcher.plan(Scene(speeds[0], None)))]
        await asyncio.sleep(0.05)  # the first is being planned
        tasks += [asyncio.create_task(batcher.plan(Scene(speed, None))) for speed in speeds[1:]]
        await asyncio.sleep(0.05)
        for place in leaves:
            tasks[place].cancel()
        planner.go.set()
        found = await asyncio.gather(*tasks, return_exceptions=True)
        batcher.close()
        return found

    return asyncio.run(main()), planner.batches


def test_what_waits_is_planned_together():
    found, batches = run([0.0, 1.0, 2.0, 3.0], most=2)
    assert [way.path[0, 0] for way in found] == [0.0, 1.0, 2.0, 3.0]
    assert batches == [[0.0], [1.0, 2.0], [3.0]]


def test_one_that_fails_does_not_spoil_the_others():
    found, _ = run([0.0, 1.0, -2.0, 3.0], most=8)
    assert [way.path[0, 0] for way in (found[0], found[1], found[3])] == [0.0, 1.0, 3.0]
    with pytest.raises(ValueError, match="negative"):
        raise found[2]


def test_a_caller_may_leave():
    found, _ = run([0.0, 1.0, 2.0], most=8, leaves=[1])
    assert isinstance(found[1], asyncio.CancelledError)
    assert found[2].path[0, 0] == 2.0
