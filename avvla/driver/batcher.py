"""Plans what waits together: while one batch is planned, the next one gathers."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from avvla.driver.scene import Planner, Scene, Way


class Batcher:
    """A planner for many callers of one event loop.

    Args:
        planner: called in a thread of its own, with one batch at a time; one that sees nothing is
            done before a thread has begun, and is called at once.
        most: scenes of a batch.
    """

    def __init__(self, planner: Planner, most: int) -> None:
        self._planner, self._most = planner, most
        self._waiting: list[tuple[Scene, asyncio.Future[Way]]] = []
        self._thread = ThreadPoolExecutor(1, "planner")
        self._task: asyncio.Task[None] | None = None

    async def plan(self, scene: Scene) -> Way:
        """The way of a scene; raises what the planner does for this one."""
        if not self._planner.sees:
            return self._planner.plan([scene])[0]
        future: asyncio.Future[Way] = asyncio.get_running_loop().create_future()
        self._waiting.append((scene, future))
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._work())
        return await future

    async def _work(self) -> None:
        loop = asyncio.get_running_loop()
        while self._waiting:
            batch, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
            scenes = [scene for scene, _ in batch]
            ways = await loop.run_in_executor(self._thread, self._each, scenes)
            for (_, future), way in zip(batch, ways, strict=True):
                if future.done():
                    continue  # the caller has left
                if isinstance(way, Exception):
                    future.set_exception(way)
                else:
                    future.set_result(way)

    def _each(self, scenes: Sequence[Scene]) -> Sequence[Way | Exception]:
        """The ways; where the batch fails, each alone, so that one does not spoil the others."""
        try:
            return self._planner.plan(scenes)
        except Exception as error:
            if len(scenes) == 1:
                return [error]
            return [self._each([scene])[0] for scene in scenes]

    def close(self) -> None:
        """End the thread once it has planned what it is at."""
        self._thread.shutdown(wait=False, cancel_futures=True)
