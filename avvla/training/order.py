"""Which samples a step takes: LeRobot's order, by step alone.

Each epoch is a permutation drawn from (seed, epoch); its last batch is smaller when the batches do
not fit. So the order needs no state: a step that is gone on from knows its samples.
"""

from __future__ import annotations

from functools import lru_cache

from lerobot.datasets import EpisodeAwareSampler


class Order:
    """Batches of `size` of `count` samples."""

    def __init__(self, count: int, size: int, seed: int) -> None:
        self._count, self._size = count, size
        self._per_epoch = -(-count // size)
        self._epoch = lru_cache(maxsize=1)(
            lambda epoch: _permutation(count, seed, epoch)  # an epoch's steps follow one another
        )

    def begins_epoch(self, step: int) -> bool:
        """Whether a step is the first one of its epoch."""
        return step % self._per_epoch == 0

    def batch(self, step: int) -> list[int]:
        """Indices of the samples of a step, the first step being 0."""
        epoch, at = divmod(step, self._per_epoch)
        return self._epoch(epoch)[at * self._size : (at + 1) * self._size]


def _permutation(count: int, seed: int, epoch: int) -> list[int]:
    sampler = EpisodeAwareSampler([0], [count], shuffle=True, seed=seed)
    sampler.set_epoch(epoch)
    return list(sampler)
