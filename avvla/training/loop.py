"""The training loop: LeRobot's policy and processors, any samples, processes in step.

Data order, flow noise and times are seeded by the configuration and drawn for the whole batch in
every process: the same samples and parameters give the same weights, bit by bit, on the CPU.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import torch
from lerobot.utils.constants import ACTION
from numpy.typing import NDArray
from torch import Generator, Tensor
from tqdm import tqdm

from avvla.config import Train
from avvla.errors import UserError
from avvla.policy.checkpoint import Checkpoint
from avvla.training import group
from avvla.training.schedule import learning_rate_factor

BETAS = (0.9, 0.95)
VALIDATION_SAMPLES = 256

Batch = dict[str, Any]
"""Samples in LeRobot's form, before the preprocessor."""


@dataclass
class History:
    """Curves by step: every term of the loss, learning rate, gradient norm, validation loss."""

    rows: list[dict[str, float]] = field(default_factory=list)


class Workload(Protocol):
    """A policy to train and the samples that it is trained on."""

    checkpoint: Checkpoint
    episode: NDArray[np.int64]
    """(N,) index of the episode of every sample."""

    def batch(self, chosen: list[int], part: slice, draws: Generator) -> Batch:
        """The `part` of a batch of chosen samples; `draws` must not depend on the part."""
        ...

    def loss(self, batch: Batch, noise: Tensor, time: Tensor) -> tuple[Tensor, dict[str, float]]:
        """The mean loss of a preprocessed batch, and its terms as numbers.

        Args:
            batch: B samples.
            noise: (B, chunk_size, max_action_dim) start of the flow.
            time: (B,) in 0..1.
        """
        ...


def train(make: Callable[[], Workload], settings: Train) -> tuple[Checkpoint, History]:
    """Train what `make` makes, in `train.processes` processes.

    Args:
        make: called in every process, so it is picklable.
        settings: the parameters `train`.

    Raises:
        UserError: the batch cannot be shared equally, the loss is not finite, or `make` raises it.
    """
    if settings.batch_size % settings.processes:
        raise UserError(
            f"train.batch_size is {settings.batch_size}, expected a multiple of train.processes ="
            f" {settings.processes}"
        )
    return group.run(settings.processes, _train, make, settings)


def _train(
    place: group.Group, make: Callable[[], Workload], settings: Train
) -> tuple[Checkpoint, History]:
    workload = make()
    policy = workload.checkpoint.policy
    weights = [weight for weight in policy.parameters() if weight.requires_grad]
    optimiser = torch.optim.AdamW(
        weights, lr=settings.lr, betas=BETAS, weight_decay=settings.weight_decay, fused=True
    )
    history, terms = History(), []
    torch.manual_seed(settings.seed)
    policy.train()
    order = shuffled(len(workload.episode), settings, settings.seed)
    draws = Generator().manual_seed(settings.seed + 1)
    steps = range(settings.steps)
    bar = tqdm(steps, desc="train", unit="step", mininterval=2.0, disable=place.rank > 0)
    for step in bar:
        rate = settings.lr * learning_rate_factor(
            step, settings.steps, settings.warmup_steps, settings.final_lr
        )
        for parameters in optimiser.param_groups:
            parameters["lr"] = rate
        chosen = next(order)
        loss, values = _forward(workload, chosen, place.part, draws)
        if not torch.isfinite(loss):
            episodes = sorted({int(workload.episode[i]) for i in chosen})
            raise UserError(
                f"the loss is {loss.item()} at step {step}, in a batch of the episodes {episodes}: "
                "look at their labels, or lower train.lr"
            )
        loss.backward()  # type: ignore[no-untyped-call]
        place.average([weight.grad for weight in weights if weight.grad is not None])
        norm = torch.nn.utils.clip_grad_norm_(weights, settings.grad_clip)
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
        terms.append({**values, "gradient_norm": float(norm)})
        if (step + 1) % settings.log_every == 0 or step + 1 == settings.steps:
            row = {name: float(np.mean([term[name] for term in terms])) for name in terms[0]}
            history.rows.append({"step": step + 1, "learning_rate": rate, **row})
            bar.set_postfix(loss=f"{row['loss_flow']:.3f}")
            terms = []
    policy.eval()
    return workload.checkpoint, history


def _forward(
    workload: Workload, chosen: list[int], part: slice, draws: Generator
) -> tuple[Tensor, dict[str, float]]:
    """Loss of this process's part of a batch, with the noise and times drawn for all of it."""
    policy = workload.checkpoint.policy
    samples = workload.batch(chosen, part, draws)
    shape = (len(chosen), policy.config.chunk_size, policy.config.max_action_dim)
    noise = policy.model.sample_noise(shape, "cpu")
    time = policy.model.sample_time(shape[0], "cpu")
    batch = workload.checkpoint.preprocessor(samples)
    device = batch[ACTION].device
    return workload.loss(batch, noise[part].to(device), time[part].to(device))


def shuffled(count: int, settings: Train, seed: int) -> Iterator[list[int]]:
    """Batches of indices without end: each epoch a new permutation, its remainder dropped."""
    generator = Generator().manual_seed(seed)
    size = min(settings.batch_size, count)
    while True:
        permutation = torch.randperm(count, generator=generator).tolist()
        for begin in range(0, count - size + 1, size):
            yield permutation[begin : begin + size]


@dataclass(frozen=True)
class HeldOut:
    """Which held-out samples are looked at, and the noise and times that they are given."""

    chosen: list[int]
    noise: Tensor
    time: Tensor


def held_out(checkpoint: Checkpoint, count: int, seed: int) -> HeldOut:
    """At most VALIDATION_SAMPLES of `count` samples, drawn once from the seed."""
    config = checkpoint.policy.config
    size = min(count, VALIDATION_SAMPLES)
    generator = Generator().manual_seed(seed)
    chosen = torch.randperm(count, generator=generator)[:size].tolist()
    noise = torch.randn((size, config.chunk_size, config.max_action_dim), generator=generator)
    time = torch.rand(size, generator=generator) * 0.998 + 0.001
    return HeldOut(chosen, noise, time)
