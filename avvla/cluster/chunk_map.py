"""One step over many chunks, the results in the order of the chunks.

`$AVVLA_BACKEND` decides where: on processes of this machine or on a Ray cluster. A step writes its
chunk atomically, or not at all: a worker may end at any moment and its chunk be tried again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tqdm import tqdm

from avvla import host
from avvla.cluster import local, ray_cluster
from avvla.errors import UserError

_NAMED = 3  # chunks, and different problems, that an error names at most


def map_chunks[R](
    step: Callable[[int], R], chunks: Sequence[int], workers: int, describe: str
) -> list[R]:
    """`step` of every chunk.

    Args:
        step: called with a chunk's number; picklable, and so are its results.
        chunks: numbers of chunks.
        workers: processes at a time; a Ray cluster that exists decides itself.
        describe: a verb, for the progress bar and in errors: `record`.

    Raises:
        UserError: steps ended in a UserError, a fault that did not pass or dead workers, told
            after the other chunks are done; or the backend cannot be had.
    """
    backend = {"local": local.run, "ray": ray_cluster.run}[host.backend()]
    results: dict[int, R] = {}
    problems: dict[str, list[int]] = {}
    outcomes = backend(step, chunks, workers) if chunks else ()
    for chunk, outcome in tqdm(outcomes, describe, len(chunks), unit="chunk", disable=None):
        if outcome.problem is None:
            results[chunk] = outcome.result
        else:
            problems.setdefault(outcome.problem, []).append(chunk)
    if problems:
        raise UserError(f"{describe} {_sentences(problems)}")
    return [results[chunk] for chunk in chunks]


def _sentences(problems: dict[str, list[int]]) -> str:
    """Problems with their chunks; one cause, as a full disk, stops many with the same words."""
    by_first = sorted((sorted(failed), problem) for problem, failed in problems.items())
    sentences = [f"chunk {_listed(failed)}: {problem}" for failed, problem in by_first]
    if len(sentences) > _NAMED:
        sentences[_NAMED:] = [f"and {len(sentences) - _NAMED} more"]
    return "; ".join(sentences)


def _listed(chunks: list[int]) -> str:
    named = ", ".join(f"{chunk:04d}" for chunk in chunks[:_NAMED])
    return named + (f" and {len(chunks) - _NAMED} more" if len(chunks) > _NAMED else "")
