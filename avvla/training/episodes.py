"""Training of LeRobot's SmolVLA on robot episodes.

The loss is SmolVLA's: the mean over the actions of a batch that lie within their episode. A sample
weighs as many of them as it has.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import torch
from lerobot.datasets import LeRobotDatasetMetadata
from lerobot.utils.constants import ACTION, OBS_STATE
from numpy.typing import NDArray
from torch import Generator, Tensor

from avvla import host
from avvla.config import Params, Train
from avvla.dataset import split
from avvla.dataset.episode_frames import PAD, Batch, Samples, open_samples
from avvla.dataset.episodes import open_episodes, statistics
from avvla.errors import UserError
from avvla.policy.checkpoint import Checkpoint
from avvla.policy.robot import (
    Shapes,
    Statistics,
    check_tasks,
    chunk_of,
    make_robot_policy,
)
from avvla.training import loop
from avvla.training.held_out import HeldOut
from avvla.training.loop import Trained
from avvla.training.origin import Origin
from avvla.training.past import past_of
from avvla.training.state import Run

READ_AT_ONCE = 16
"""Held-out samples that go through the network together."""


def train(params: Params, root: Path, device: str, folder: Path, run: Run) -> Trained:
    """Train a policy on the data set at `root`, in `train.processes` processes.

    Args:
        params: the parameters.
        root: of the data set.
        device: `cpu`, or `cuda` for a GPU to each process.
        folder: where the checkpoint will lie.
        run: where the state of this training is kept.

    Raises:
        UserError: see `avvla.training.loop.train`; or files of the data set are missing or damaged,
            or its statistics or pictures do not fit.
    """
    return loop.train(partial(Episodes, params, root, folder), params.train, device, run)


class Episodes:
    """The workload of a robot's policy; see `avvla.training.workload.Workload`."""

    def __init__(self, params: Params, root: Path, folder: Path, device: str) -> None:
        parts, chunk = split.load(root), chunk_of(params)
        memory = host.frame_cache_bytes()
        training, validation = (
            open_episodes(root, part.episodes, chunk) for part in (parts.train, parts.validation)
        )
        meta = training.meta
        stored: Statistics = {
            name: {statistic: torch.from_numpy(values) for statistic, values in found.items()}
            for name, found in statistics(root, meta.features).items()
        }
        shapes = _shapes(meta, params.build.image_size)
        self.checkpoint = make_robot_policy(params, shapes, stored, device, folder)
        check_tasks(self.checkpoint, list(meta.tasks.index))
        self._samples = open_samples(training, chunk, memory)
        self._validation = open_samples(validation, chunk, memory)
        names = dict(zip(parts.train.episodes, parts.train.clips, strict=True))
        self.origin = Origin.of(self._samples.episode, names)
        self.weight: NDArray[np.int64] = np.minimum(self.origin.left, chunk)
        self._settings, self._policy = params.train, params.policy

    @property
    def past(self) -> Path:
        """State of the optimiser and schedule of the base, see `avvla.policy.base`."""
        return past_of(self._policy)

    def batch(self, chosen: list[int], part: list[int], _: Generator) -> Batch:
        """Samples as they are."""
        return self._samples.read([chosen[k] for k in part])

    def loss(self, batch: Batch, noise: Tensor, time: Tensor) -> tuple[Tensor, dict[str, float]]:
        """The policy's own loss."""
        loss: tuple[Tensor, dict[str, float]] = self.checkpoint.policy.forward(batch, noise, time)
        return loss

    def validate(self) -> dict[str, float]:
        """Loss, and error of the planned actions, on held-out samples."""
        return judge(self.checkpoint, self._validation, self._settings)


@torch.no_grad()
def judge(checkpoint: Checkpoint, samples: Samples, settings: Train) -> dict[str, float]:
    """Loss and error of the planned actions on held-out samples.

    The error is the mean absolute difference from the recorded actions within the episode, over
    the chunk and the components, in the units of the data.
    """
    policy = checkpoint.policy
    held_out = HeldOut.draw(policy.config, len(samples.episode), settings)
    sums: dict[str, float] = {}
    counted, errors = 0, []
    for first in range(0, len(held_out.chosen), READ_AT_ONCE):
        part = slice(first, first + READ_AT_ONCE)
        raw = samples.read(held_out.chosen[part])
        batch = checkpoint.preprocessor(dict(raw))
        device = batch[ACTION].device
        noise, time = held_out.noise[part].to(device), held_out.time[part].to(device)
        loss, terms = policy.forward(dict(batch), noise, time)
        weight = int((~raw[PAD]).sum())
        counted += weight
        for name, value in {"loss": float(loss), **terms}.items():
            sums[name] = sums.get(name, 0.0) + value * weight
        planned = checkpoint.postprocessor(policy.predict_action_chunk(batch, noise))
        apart = (planned.cpu() - raw[ACTION]).abs().mean(-1)
        errors.append(apart[~raw[PAD]])
    figures = {f"validation_{name}": value / counted for name, value in sums.items()}
    return {**figures, "validation_action_error": float(torch.cat(errors).mean())}


def _shapes(meta: LeRobotDatasetMetadata, image_size: int) -> Shapes:
    features = meta.features
    for camera in meta.camera_keys:
        shape = tuple(features[camera]["shape"])
        if shape != (image_size, image_size, 3):
            raise UserError(
                f"{camera} is {shape}, expected build.image_size = {image_size} px: run `dvc repro"
                " build_dataset`"
            )
    return Shapes(
        cameras=tuple(meta.camera_keys),
        state=features[OBS_STATE]["shape"][0],
        action=features[ACTION]["shape"][0],
    )
