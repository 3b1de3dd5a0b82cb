"""The training loop: LeRobot's policy and processors, samples in memory, processes in step.

The whole data set is decoded once into memory, so that a step costs no video decoding. Data order,
flow noise and times are seeded by the configuration and drawn for the whole batch in every process:
the same samples and parameters give the same weights, bit by bit, on the CPU.

An agent that knows how it has been turning learns to keep turning, which is nearly right in the
data and wrong on the road (copycat, Wen et al. 2020, arXiv 2010.14876). So most samples of a batch
get the heading change of another sample, as in the state dropout of PlanTF (arXiv 2309.10443).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from lerobot.processor import PolicyProcessorPipeline
from lerobot.utils.constants import ACTION, OBS_STATE
from torch import Tensor
from tqdm import tqdm

from avvla.config import Params, Train
from avvla.dataset.frames import Samples
from avvla.errors import UserError
from avvla.features import IMAGE
from avvla.policy.checkpoint import Checkpoint, make_field_agent, processors_of
from avvla.policy.interface import BLIND_GREY
from avvla.policy.modeling_field_agent import FieldAgentPolicy
from avvla.training import group
from avvla.training.schedule import learning_rate_factor

BETAS = (0.9, 0.95)
JUNCTION = ("Turn", "Go straight")
MIRRORED = {"Change lane left": "Change lane right", "Change lane right": "Change lane left"}
VALIDATION_SAMPLES = 256


@dataclass
class History:
    """Curves by step: every term of the loss, learning rate, gradient norm, validation loss."""

    rows: list[dict[str, float]] = field(default_factory=list)


def train(
    params: Params, training: Samples, validation: Samples, device: str
) -> tuple[Checkpoint, History]:
    """Train a Field Agent from scratch, in `train.processes` processes.

    Raises:
        UserError: a split is empty, the images do not have the policy's size, the batch cannot be
            shared equally, or the loss is not finite.
    """
    _check(params, training, validation)
    checkpoint, history = group.run(params.train.processes, _train, params, training, device)
    held_out = _Batches(validation, params.train.blind)
    history.rows[-1]["validation_loss_flow"] = validation_loss(
        checkpoint, held_out, params.train.seed
    )
    return checkpoint, history


def _train(
    place: group.Group, params: Params, training: Samples, device: str
) -> tuple[Checkpoint, History]:
    settings = params.train
    policy = make_field_agent(params, device)
    preprocessor, postprocessor = processors_of(policy)
    batches = _Batches(training, settings.blind)
    weights = [weight for weight in policy.parameters() if weight.requires_grad]
    optimiser = torch.optim.AdamW(
        weights, lr=settings.lr, betas=BETAS, weight_decay=settings.weight_decay, fused=True
    )
    history, terms = History(), []
    torch.manual_seed(params.train.seed)
    policy.train()
    order = shuffled(len(training.state), settings, params.train.seed)
    draws = torch.Generator().manual_seed(params.train.seed + 1)
    steps = range(settings.steps)
    bar = tqdm(steps, desc="train", unit="step", mininterval=2.0, disable=place.rank > 0)
    for step in bar:
        rate = settings.lr * learning_rate_factor(
            step, settings.steps, settings.warmup_steps, settings.final_lr
        )
        for parameters in optimiser.param_groups:
            parameters["lr"] = rate
        chosen = next(order)
        batch = batches.take(chosen)
        batches.drop_heading(batch, settings.heading_dropout, draws)
        mirror(batch, batches.two_sided[chosen], settings.mirror, draws)
        loss, values = _forward(policy, preprocessor, batch, place)
        if not torch.isfinite(loss):
            episodes = sorted({int(training.episode[i]) for i in chosen})
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
    return Checkpoint(policy.eval(), preprocessor, postprocessor), history


def _forward(
    policy: FieldAgentPolicy,
    preprocessor: PolicyProcessorPipeline,
    batch: dict[str, Any],
    place: group.Group,
) -> tuple[torch.Tensor, dict[str, float]]:
    """Loss of this process's part of a batch, with the noise and times drawn for all of it."""
    shape = (len(batch[ACTION]), policy.config.chunk_size, policy.config.max_action_dim)
    noise = policy.model.sample_noise(shape, "cpu")
    time = policy.model.sample_time(shape[0], "cpu")
    part = preprocessor({name: values[place.part] for name, values in batch.items()})
    device = part[ACTION].device
    return policy.forward(part, noise[place.part].to(device), time[place.part].to(device))


@torch.no_grad()
def validation_loss(checkpoint: Checkpoint, batches: _Batches, seed: int) -> float:
    """Flow-matching loss of held-out samples with noise and times drawn once from the seed."""
    policy: FieldAgentPolicy = checkpoint.policy
    count = min(len(batches), VALIDATION_SAMPLES)
    generator = torch.Generator().manual_seed(seed)
    chosen = torch.randperm(len(batches), generator=generator)[:count].tolist()
    batch = checkpoint.preprocessor(batches.take(chosen))
    shape = (count, policy.config.chunk_size, policy.config.max_action_dim)
    noise = torch.randn(shape, generator=generator).to(batch[ACTION].device)
    time = (torch.rand(count, generator=generator) * 0.998 + 0.001).to(batch[ACTION].device)
    _, values = policy.forward(batch, noise, time)
    return values["loss_flow"]


def shuffled(count: int, settings: Train, seed: int) -> Iterator[list[int]]:
    """Batches of indices without end: each epoch a new permutation, its remainder dropped."""
    generator = torch.Generator().manual_seed(seed)
    size = min(settings.batch_size, count)
    while True:
        permutation = torch.randperm(count, generator=generator).tolist()
        for begin in range(0, count - size + 1, size):
            yield permutation[begin : begin + size]


def mirror(
    batch: dict[str, Any], two_sided: Tensor, share: float, generator: torch.Generator
) -> None:
    """Show a share of the samples in a mirror: image, heading change, curvature and command.

    Only those that are `two_sided` (B,), where left and right may be exchanged.
    """
    chosen = two_sided & (torch.rand(len(batch[ACTION]), generator=generator) < share)
    batch[IMAGE][chosen] = batch[IMAGE][chosen].flip(-1)
    batch[OBS_STATE][chosen, 1] *= -1
    batch[ACTION][chosen, :, 1] *= -1
    batch["task"] = [
        MIRRORED.get(command, command) if flipped else command
        for command, flipped in zip(batch["task"], chosen.tolist(), strict=True)
    ]


class _Batches:
    """Samples as tensors in LeRobot's batch form."""

    def __init__(self, samples: Samples, blind: bool) -> None:
        image = np.full_like(samples.image, BLIND_GREY) if blind else samples.image
        self._image = torch.from_numpy(image).permute(0, 3, 1, 2).contiguous()
        self._state = torch.from_numpy(samples.state).float()
        self._action = torch.from_numpy(samples.action).float()
        self._command = samples.command
        # A junction's roads have oncoming traffic: in the mirror it would keep to the left. What
        # follows the junction in the same episode is told to follow the lane.
        junctions = {
            episode
            for episode, command in zip(samples.episode.tolist(), samples.command, strict=True)
            if command.startswith(JUNCTION)
        }
        self.two_sided = torch.tensor([e not in junctions for e in samples.episode.tolist()])
        """(N,) whether left and right may be exchanged in a sample."""

    def __len__(self) -> int:
        return len(self._state)

    def drop_heading(self, batch: dict[str, Any], share: float, generator: torch.Generator) -> None:
        """Give a share of the batch the heading change of samples drawn from the whole data set."""
        count = len(batch[OBS_STATE])
        dropped = torch.rand(count, generator=generator) < share
        others = torch.randint(len(self), (count,), generator=generator)
        batch[OBS_STATE][dropped, 1] = self._state[others[dropped], 1]

    def take(self, chosen: list[int]) -> dict[str, Any]:
        """The chosen samples, copied."""
        return {
            IMAGE: self._image[chosen].float() / 255,
            OBS_STATE: self._state[chosen],
            ACTION: self._action[chosen],
            "task": [self._command[i] for i in chosen],
        }


def _check(params: Params, training: Samples, validation: Samples) -> None:
    size, processes = params.train.batch_size, params.train.processes
    if size % processes:
        raise UserError(
            f"train.batch_size is {size}, expected a multiple of train.processes = {processes}"
        )
    for name, samples in (("training", training), ("validation", validation)):
        if len(samples.state) == 0:
            raise UserError(
                f"the {name} split is empty: lower or raise build.validation, or use more clips"
            )
        size = samples.image.shape[1]
        if size != params.build.image_size:
            raise UserError(
                f"the {name} images are {size} px wide, expected build.image_size = "
                f"{params.build.image_size} px: run `dvc repro build_dataset`"
            )
        if not (np.isfinite(samples.state).all() and np.isfinite(samples.action).all()):
            finite = np.isfinite(samples.action).all(axis=(1, 2))
            finite &= np.isfinite(samples.state).all(axis=1)
            episodes = sorted({int(episode) for episode in samples.episode[~finite]})
            raise UserError(f"{name} samples of the episodes {episodes[:5]} hold NaN or infinity")
