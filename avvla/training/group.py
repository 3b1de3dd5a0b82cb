"""Processes that share each batch: every one takes its part, accelerate averages their gradients.

A batch is cut the same way whatever runs where, so the number of processes and of parts changes a
result by rounding only; the same numbers give the same bits on a CPU. The processes are started
here, unless `torchrun` or `accelerate launch` has.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import timedelta
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from accelerate import Accelerator, DistributedDataParallelKwargs
from accelerate.state import AcceleratorState
from accelerate.utils import patch_environment
from numpy.typing import NDArray
from torch import nn

from avvla.config import Train
from avvla.errors import UserError

TIMEOUT = timedelta(minutes=30)
"""For which the others wait for the one that validates and saves."""
MIXED = {"fp32": "no", "bf16": "bf16"}
ENDING_S = 10.0
_MEETING, _PROBLEM = "meeting", "problem"


@dataclass(frozen=True)
class Place:
    """This process's place among those that train together."""

    accelerator: Accelerator

    @property
    def rank(self) -> int:
        """Number of this process; 0 is the one that writes."""
        return int(self.accelerator.process_index)

    @property
    def size(self) -> int:
        """How many train together."""
        return int(self.accelerator.num_processes)

    @property
    def device(self) -> str:
        """Where this process computes: `cpu`, `cuda:1`, ..."""
        device = self.accelerator.device
        return "cpu" if device.type == "cpu" else str(device)

    def shares(self, count: int, parts: int) -> list[list[list[int]]]:
        """Positions in a batch of `count` samples: by process, in `parts` parts each."""
        cuts = [list(range(i, count, self.size * parts)) for i in range(self.size * parts)]
        return [cuts[rank * parts : (rank + 1) * parts] for rank in range(self.size)]

    def averaging(self, model: nn.Module, last: bool) -> AbstractContextManager[None]:
        """Average the gradients over the processes in the `last` backward pass of a step only."""
        return contextlib.nullcontext() if last else self.accelerator.no_sync(model)

    def gather(self, values: Sequence[float]) -> NDArray[np.float64]:
        """(processes, len(values)) everyone's values, in every process."""
        own = torch.tensor([values], dtype=torch.float64, device=self.accelerator.device)
        everyone: NDArray[np.float64] = self.accelerator.gather(own).cpu().numpy()
        return everyone

    def wait(self) -> None:
        """Until every process is here."""
        if self.size > 1:
            dist.barrier()


def launched() -> bool:
    """Whether torchrun or `accelerate launch` has started this process as one of several."""
    return int(os.environ.get("WORLD_SIZE", "1")) > 1


def leads() -> bool:
    """Whether this process writes: the first of a launched group, or one that starts its own."""
    return not launched() or os.environ.get("RANK", "0") == "0"


def run[Result](
    settings: Train, device: str, work: Callable[..., Result], *arguments: Any
) -> Result:
    """`work(place, *arguments)` in `train.processes` processes; the result of the first, this one.

    Args:
        settings: number of processes, precision, and whether a step has several backward passes.
        device: `cpu`, or `cuda` for a GPU to each.
        work: importable by its module's name.
        arguments: picklable.

    Raises:
        UserError: a process has ended early, or `work` raises it in one of them.
    """
    size = settings.processes
    if launched():
        started = int(os.environ["WORLD_SIZE"])
        if started != size:
            raise UserError(
                f"{started} processes were launched, but train.processes is {size}: make them equal"
            )
        return _placed(settings, device, work, *arguments)
    if size == 1:
        return _placed(settings, device, work, *arguments)
    # Its server has the libraries loaded, once for all groups that this process starts.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__, "avvla.policy.checkpoint"])
    with tempfile.TemporaryDirectory() as folder:
        rest = (folder, settings, device, work, *arguments)
        others = [
            context.Process(target=_other, args=(rank, *rest), daemon=True)
            for rank in range(1, size)
        ]
        for other in others:
            other.start()
        try:
            result: Result = _join(0, *rest)
            return result
        except RuntimeError as error:  # gloo and nccl have no narrower one
            raise _reason(Path(folder), others) or error from None
        finally:
            for other in others:
                other.join(timeout=ENDING_S)
                other.kill()


def _other(rank: int, folder: str, *rest: Any) -> None:
    """The work of another process than the first, whose bad input the first one tells."""
    try:
        _join(rank, folder, *rest)
    except UserError as error:
        (Path(folder) / _PROBLEM).write_text(str(error))
        os._exit(1)  # at once: the others wait for this process


def _reason(folder: Path, others: Sequence[BaseProcess]) -> UserError | None:
    """Why a process has ended, if one has."""
    for other in others:
        other.join(timeout=ENDING_S / len(others))
    if (folder / _PROBLEM).exists():
        return UserError((folder / _PROBLEM).read_text())
    codes = [other.exitcode for other in others if other.exitcode]
    if not codes:
        return None
    return UserError(
        f"a training process ended early (exit code {codes[0]}): its message stands above, if it"
        " had any; run the stage again, which goes on from the last checkpoint"
    )


def _join[Result](
    rank: int,
    folder: str,
    settings: Train,
    device: str,
    work: Callable[..., Result],
    *arguments: Any,
) -> Result:
    backend = "gloo"
    if device == "cpu":
        torch.set_num_threads(1)
    else:
        torch.cuda.set_device(rank)
        backend = "nccl"
    dist.init_process_group(
        backend,
        init_method=f"file://{Path(folder) / _MEETING}",
        rank=rank,
        world_size=settings.processes,
        timeout=TIMEOUT,
    )
    variables = {
        "rank": rank,
        "local_rank": rank,
        "world_size": settings.processes,
        "local_world_size": settings.processes,
        "omp_num_threads": torch.get_num_threads(),
    }
    try:
        with patch_environment(**variables):
            return _placed(settings, device, work, *arguments)
    finally:
        dist.destroy_process_group()


def _placed[Result](
    settings: Train, device: str, work: Callable[..., Result], *arguments: Any
) -> Result:
    with _accelerator(settings, device) as accelerator:
        return work(Place(accelerator), *arguments)


@contextlib.contextmanager
def _accelerator(settings: Train, device: str) -> Iterator[Accelerator]:
    """A fresh one: accelerate keeps state in the process, which no other training must find."""
    # Parts of a hub's backbone get no gradient. The first step tells which ones, or each step does
    # where it has several passes.
    once = settings.accumulate == 1
    unused = DistributedDataParallelKwargs(static_graph=once, find_unused_parameters=not once)
    try:
        yield Accelerator(
            cpu=device == "cpu",
            mixed_precision=MIXED[settings.precision],
            step_scheduler_with_optimizer=False,
            kwargs_handlers=[unused],
        )
    finally:
        AcceleratorState._reset_state(True)
