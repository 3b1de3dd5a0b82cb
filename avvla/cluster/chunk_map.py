"""One step over many chunks on local processes, the results in the order of the chunks.

A step writes its chunk atomically, or not at all: a worker may end at any moment.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from functools import partial

from tqdm import tqdm

from avvla.errors import UserError

_NAMED = 3  # chunks, and different problems, that an error names at most


def map_chunks[R](
    step: Callable[[int], R], chunks: Sequence[int], workers: int, describe: str
) -> list[R]:
    """`step` of every chunk.

    Args:
        step: called with a chunk's number; picklable, and so are its results.
        chunks: numbers of chunks.
        workers: processes; with one, or for one chunk, the step runs in this process.
        describe: a verb, for the progress bar and in errors: `record`.

    Raises:
        UserError: steps ended in a UserError, told after the other chunks are done; or a worker
            process died.
    """
    if min(workers, len(chunks)) <= 1:
        return _collect([(chunk, partial(step, chunk)) for chunk in chunks], chunks, describe)
    # A fork would copy the locks of torch's and PyAV's threads, held for ever.
    context = multiprocessing.get_context("spawn")
    count = min(workers, len(chunks))
    with ProcessPoolExecutor(count, mp_context=context, initializer=_follow_parent) as pool:
        futures = {pool.submit(step, chunk): chunk for chunk in chunks}
        done = ((futures[future], future.result) for future in as_completed(futures))
        try:
            return _collect(done, chunks, describe)
        except BrokenProcessPool:
            raise UserError(
                f"{describe}: a worker process was killed, most likely because memory ran out:"
                " set AVVLA_WORKERS to fewer and run again; finished chunks are kept"
            ) from None
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _collect[R](
    calls: Iterable[tuple[int, Callable[[], R]]], chunks: Sequence[int], describe: str
) -> list[R]:
    results: dict[int, R] = {}
    problems: dict[str, list[int]] = {}
    for chunk, call in tqdm(calls, describe, len(chunks), unit="chunk", disable=None):
        try:
            results[chunk] = call()
        except UserError as error:
            problems.setdefault(str(error), []).append(chunk)
    if problems:
        # One cause, a full disk for example, stops many chunks with the same words.
        by_first = sorted((sorted(failed), problem) for problem, failed in problems.items())
        sentences = [f"chunk {_listed(failed)}: {problem}" for failed, problem in by_first]
        if len(sentences) > _NAMED:
            sentences[_NAMED:] = [f"and {len(sentences) - _NAMED} more"]
        raise UserError(f"{describe} {'; '.join(sentences)}")
    return [results[chunk] for chunk in chunks]


def _listed(chunks: list[int]) -> str:
    named = ", ".join(f"{chunk:04d}" for chunk in chunks[:_NAMED])
    return named + (f" and {len(chunks) - _NAMED} more" if len(chunks) > _NAMED else "")


def _follow_parent() -> None:
    """End a worker at once on Ctrl-C, and when the parent is gone."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    threading.Thread(target=_exit_after_parent, daemon=True).start()


def _exit_after_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
