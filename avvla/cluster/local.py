"""Chunks on local processes: one process to a worker, replaced when it dies.

Every worker is an executor of its own with a single process, so that a death concerns the one
chunk that the process had, and that chunk alone is tried again.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from typing import Any

from avvla.cluster.attempt import Outcome, attempt, pause

DEATHS = 3
"""Processes that may die over a chunk before it is given up."""

_step: Callable[[int], Any]


def run(
    step: Callable[[int], Any], chunks: Sequence[int], workers: int
) -> Iterator[tuple[int, Outcome]]:
    """The outcome of every chunk as it comes; one worker or one chunk runs in this process."""
    count = min(workers, len(chunks))
    if count <= 1:
        for chunk in chunks:
            yield chunk, attempt(step, chunk)
        return
    waiting = deque((chunk, 0) for chunk in chunks)
    idle = [_worker(step) for _ in range(count)]
    running: dict[Future[Outcome], tuple[ProcessPoolExecutor, int, int]] = {}
    try:
        while waiting or running:
            while idle and waiting:
                worker, (chunk, deaths) = idle.pop(), waiting.popleft()
                running[worker.submit(_work, chunk)] = (worker, chunk, deaths)
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                worker, chunk, deaths = running.pop(future)
                try:
                    outcome = future.result()
                except BrokenProcessPool:
                    worker.shutdown(wait=False)
                    worker, deaths = _worker(step, pause(deaths)), deaths + 1
                    if deaths < DEATHS:
                        waiting.append((chunk, deaths))
                    else:
                        yield chunk, Outcome(problem=_DIED)
                else:
                    yield chunk, outcome
                idle.append(worker)
    finally:
        for worker in (*idle, *(worker for worker, _, _ in running.values())):
            worker.shutdown(wait=False, cancel_futures=True)


_DIED = (
    f"a worker process was killed, {DEATHS} times, most likely because memory ran out: set"
    " AVVLA_WORKERS to fewer and run again; finished chunks are kept"
)


def _worker(step: Callable[[int], Any], delay_s: float = 0.0) -> ProcessPoolExecutor:
    # A fork would copy the locks of torch's and PyAV's threads, held for ever.
    context = multiprocessing.get_context("spawn")
    # The step is handed over once, as it may carry the manifest of thousands of chunks.
    return ProcessPoolExecutor(1, context, initializer=_begin, initargs=(step, delay_s))


def _begin(step: Callable[[int], Any], delay_s: float) -> None:
    global _step
    _step = step
    # A worker ends at once on Ctrl-C, and when the parent is gone.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    threading.Thread(target=_exit_after_parent, daemon=True).start()
    time.sleep(delay_s)


def _work(chunk: int) -> Outcome:
    return attempt(_step, chunk)


def _exit_after_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
