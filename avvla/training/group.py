"""Processes that share each batch: every one takes its part and all average their gradients.

Process `rank` of `size` takes the samples rank, rank + size, ... of a batch. The mean of the parts'
mean gradients is the mean gradient of the batch when the parts are equally large, so the size
changes a result by rounding only; the same size gives the same bits.
"""

from __future__ import annotations

import multiprocessing
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from avvla.errors import UserError

TIMEOUT = timedelta(minutes=5)


@dataclass(frozen=True)
class Group:
    """This process's place among those that train together."""

    rank: int = 0
    size: int = 1

    @property
    def part(self) -> slice:
        """Which samples of a batch this process takes."""
        return slice(self.rank, None, self.size)

    def average(self, values: Sequence[Tensor]) -> None:
        """Replace each tensor by its mean over the processes, in one message.

        Raises:
            UserError: another process has ended.
        """
        if self.size == 1:
            return
        flat = torch.cat([value.reshape(-1) for value in values])
        try:
            dist.all_reduce(flat)
        except RuntimeError as error:  # gloo has no narrower one
            reason = str(error).rsplit("]", 1)[-1].strip()
            raise UserError(
                f"a training process ended early ({reason}): run the stage again"
            ) from None
        flat /= self.size
        begin = 0
        for value in values:
            value.copy_(flat[begin : begin + value.numel()].view_as(value))
            begin += value.numel()


def run[Result](size: int, work: Callable[..., Result], *arguments: Any) -> Result:
    """`work(group, *arguments)` in `size` processes, this one being rank 0; returns its result."""
    if size == 1:
        return work(Group(), *arguments)
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as folder:
        meeting = str(Path(folder) / "meeting")
        others = [
            context.Process(
                target=_join, args=(Group(rank, size), meeting, work, *arguments), daemon=True
            )
            for rank in range(1, size)
        ]
        for other in others:
            other.start()
        try:
            return _join(Group(0, size), meeting, work, *arguments)
        finally:
            for other in others:
                other.join(timeout=10.0)
                other.kill()


def _join[Result](
    group: Group, meeting: str, work: Callable[..., Result], *arguments: Any
) -> Result:
    torch.set_num_threads(1)
    dist.init_process_group(
        "gloo",
        init_method=f"file://{meeting}",
        rank=group.rank,
        world_size=group.size,
        timeout=TIMEOUT,
    )
    try:
        return work(group, *arguments)
    finally:
        dist.destroy_process_group()
