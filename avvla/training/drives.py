"""Training of the Field Agent on drives.

The whole data set is decoded once into memory, so that a step costs no video decoding.

An agent that knows how it has been turning learns to keep turning, which is nearly right in the
data and wrong on the road (copycat, Wen et al. 2020, arXiv 2010.14876). So most samples of a batch
get the heading change of another sample, as in the state dropout of PlanTF (arXiv 2309.10443).
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import torch
from lerobot.utils.constants import ACTION, OBS_STATE
from numpy.typing import NDArray
from torch import Generator, Tensor

from avvla.actions.unicycle import DT_S
from avvla.config import Params
from avvla.dataset.frames import Samples
from avvla.errors import UserError
from avvla.features import IMAGE
from avvla.policy.checkpoint import Checkpoint, make_field_agent, processors_of
from avvla.policy.interface import BLIND_GREY
from avvla.training import loop
from avvla.training.held_out import HeldOut
from avvla.training.loop import Trained
from avvla.training.origin import Origin
from avvla.training.past import past_of
from avvla.training.state import Run
from avvla.training.workload import Batch

HORIZONS_S = (1.0, 3.0, 6.4)
JUNCTION = ("Turn", "Go straight")
MIRRORED = {"Change lane left": "Change lane right", "Change lane right": "Change lane left"}


def train(params: Params, training: Samples, validation: Samples, device: str, run: Run) -> Trained:
    """Train a Field Agent from scratch, in `train.processes` processes.

    Raises:
        UserError: see `avvla.training.loop.train`; or a split is empty, or the images do not have
            the policy's size.
    """
    _check(params, training, validation)
    return loop.train(partial(Drives, params, training, validation), params.train, device, run)


class Drives:
    """The workload of a Field Agent; see `avvla.training.workload.Workload`."""

    def __init__(self, params: Params, training: Samples, validation: Samples, device: str) -> None:
        policy = make_field_agent(params, device)
        self.checkpoint = Checkpoint(policy, *processors_of(policy))
        names = dict(zip(training.episode.tolist(), training.clip_id, strict=True))
        self.origin = Origin.of(training.episode, names)
        self.weight: NDArray[np.int64] = np.ones(len(training.state), np.int64)
        self._settings, self._policy = params.train, params.policy
        self._batches = Batches(training, params.train.blind)
        self._held_out = HeldOut.draw(policy.config, len(validation.state), params.train)
        seen = Batches(validation, params.train.blind).take(self._held_out.chosen)
        self._validation, self._driven = seen, validation.trajectory[self._held_out.chosen]

    @property
    def past(self) -> Path:
        """State of the optimiser and schedule of the base, see `avvla.policy.base`."""
        return past_of(self._policy)

    def batch(self, chosen: list[int], part: list[int], draws: Generator) -> Batch:
        """Samples with some headings exchanged and some mirrored, drawn for the whole batch."""
        batches, settings = self._batches, self._settings
        batch = batches.take(chosen)
        batches.drop_heading(batch, settings.heading_dropout, draws)
        mirror(batch, batches.two_sided[chosen], settings.mirror, draws)
        return {
            name: [values[k] for k in part] if isinstance(values, list) else values[part]
            for name, values in batch.items()
        }

    def loss(self, batch: Batch, noise: Tensor, time: Tensor) -> tuple[Tensor, dict[str, float]]:
        """The Field Agent's own loss."""
        loss: tuple[Tensor, dict[str, float]] = self.checkpoint.policy.forward(batch, noise, time)
        return loss

    @torch.no_grad()
    def validate(self) -> dict[str, float]:
        """Loss, mean error of the planned actions, and distance of the plan from the driven path.

        ADE is the mean distance up to a horizon, FDE the distance at it [m].
        """
        policy = self.checkpoint.policy
        batch = self.checkpoint.preprocessor(dict(self._validation))
        device = batch[ACTION].device
        loss, terms = policy.forward(
            batch, self._held_out.noise.to(device), self._held_out.time.to(device)
        )
        plan = policy.plan(batch)
        error = np.abs(plan.action - self._validation[ACTION].numpy()).mean((0, 1))
        apart = np.linalg.norm(plan.trajectory[..., :2] - self._driven[..., :2], axis=-1).mean(0)
        figures = {
            "validation_loss": float(loss),
            **{f"validation_{name}": value for name, value in terms.items()},
            "validation_acceleration_error": float(error[0]),
            "validation_curvature_error": float(error[1]),
        }
        for horizon_s in HORIZONS_S:
            steps = round(horizon_s / DT_S)
            figures[f"validation_ade_{horizon_s:g}s"] = float(apart[:steps].mean())
            figures[f"validation_fde_{horizon_s:g}s"] = float(apart[steps - 1])
        return figures


def mirror(batch: Batch, two_sided: Tensor, share: float, generator: Generator) -> None:
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


class Batches:
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

    def drop_heading(self, batch: Batch, share: float, generator: Generator) -> None:
        """Give a share of the batch the heading change of samples drawn from the whole data set."""
        count = len(batch[OBS_STATE])
        dropped = torch.rand(count, generator=generator) < share
        others = torch.randint(len(self), (count,), generator=generator)
        batch[OBS_STATE][dropped, 1] = self._state[others[dropped], 1]

    def take(self, chosen: list[int]) -> Batch:
        """The chosen samples, copied."""
        return {
            IMAGE: self._image[chosen].float() / 255,
            OBS_STATE: self._state[chosen],
            ACTION: self._action[chosen],
            "task": [self._command[i] for i in chosen],
        }


def _check(params: Params, training: Samples, validation: Samples) -> None:
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
