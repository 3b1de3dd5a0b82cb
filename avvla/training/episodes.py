"""Training of LeRobot's SmolVLA on robot episodes.

Every sample is read from the data set when it is its turn, so each process reads its part of a
batch alone. The loss of a sample is SmolVLA's, the mean over the actions of its chunk that lie
within the episode; all samples of a batch weigh alike, so that processes can share it.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch
from lerobot.datasets import LeRobotDataset
from lerobot.utils.constants import ACTION, OBS_STATE
from numpy.typing import NDArray
from torch import Generator, Tensor
from torch.utils.data import default_collate

from avvla.config import Params
from avvla.dataset import split
from avvla.dataset.episodes import open_episodes, statistics
from avvla.errors import UserError
from avvla.policy.checkpoint import Checkpoint
from avvla.policy.robot import Shapes, Statistics, check_tasks, make_robot_policy
from avvla.training import loop
from avvla.training.loop import Batch, History, held_out

PAD = "action_is_pad"
READ_AT_ONCE = 16
"""Held-out samples that go through the network together."""


def train(params: Params, root: Path, device: str, folder: Path) -> tuple[Checkpoint, History]:
    """Train a policy on the data set at `root`, in `train.processes` processes.

    Args:
        params: the parameters.
        root: of the data set.
        device: torch device.
        folder: where the checkpoint will lie.

    Raises:
        UserError: files of the data set are missing or damaged, its statistics or pictures do not
            fit, the batch cannot be shared equally, or the loss is not finite.
    """
    parts = split.load(root)
    workload = partial(Episodes, params, root, parts.train.episodes, device, folder)
    checkpoint, history = loop.train(workload, params.train)
    validation = open_episodes(root, parts.validation.episodes, params.policy.chunk_size)
    history.rows[-1] |= judge(checkpoint, validation, params.train.seed)
    return checkpoint, history


class Episodes:
    """The workload of a robot's policy; see `avvla.training.loop.Workload`."""

    def __init__(
        self, params: Params, root: Path, episodes: Sequence[int], device: str, folder: Path
    ) -> None:
        self._samples = open_episodes(root, episodes, params.policy.chunk_size)
        features = self._samples.meta.features
        stored: Statistics = {
            name: {statistic: torch.from_numpy(values) for statistic, values in found.items()}
            for name, found in statistics(root, features).items()
        }
        shapes = _shapes(self._samples, params.build.image_size)
        self.checkpoint = make_robot_policy(params, shapes, stored, device, folder)
        check_tasks(self.checkpoint, list(self._samples.meta.tasks.index))
        rows = self._samples.hf_dataset.select_columns("episode_index").with_format("arrow")[:]
        self.episode: NDArray[np.int64] = rows["episode_index"].to_numpy()

    def batch(self, chosen: list[int], part: slice, _: Generator) -> Batch:
        """Samples as they are."""
        return read(self._samples, chosen[part])

    def loss(self, batch: Batch, noise: Tensor, time: Tensor) -> tuple[Tensor, dict[str, float]]:
        """SmolVLA's own loss of every sample, masked past its episode's end; the mean of them."""
        losses, _ = self.checkpoint.policy.forward(batch, noise, time, reduction="none")
        mean: Tensor = losses.mean()
        return mean, {"loss_flow": mean.item()}


def read(samples: LeRobotDataset, chosen: Sequence[int]) -> Batch:
    """Samples in LeRobot's batch form: pictures in 0..1, state, chunk of actions, mask and task."""
    rows = [samples[i] for i in chosen]
    wanted = [*samples.meta.camera_keys, OBS_STATE, ACTION, PAD, "task"]
    batch: Batch = default_collate([{name: row[name] for name in wanted} for row in rows])
    return batch


@torch.no_grad()
def judge(checkpoint: Checkpoint, samples: LeRobotDataset, seed: int) -> dict[str, float]:
    """Flow-matching loss and error of the planned actions on held-out samples.

    The error is the mean absolute difference from the recorded actions within the episode, over
    the chunk and the components, in the units of the data; noise and times are drawn once.
    """
    looked_at = held_out(checkpoint, len(samples), seed)
    policy = checkpoint.policy
    losses, errors = [], []
    for first in range(0, len(looked_at.chosen), READ_AT_ONCE):
        part = slice(first, first + READ_AT_ONCE)
        raw = read(samples, looked_at.chosen[part])
        batch = checkpoint.preprocessor(dict(raw))
        device = batch[ACTION].device
        noise, time = looked_at.noise[part].to(device), looked_at.time[part].to(device)
        losses.append(policy.forward(dict(batch), noise, time, reduction="none")[0].cpu())
        planned = checkpoint.postprocessor(policy.predict_action_chunk(batch, noise))
        apart = (planned.cpu() - raw[ACTION]).abs().mean(-1)
        errors.append(apart[~raw[PAD]])
    return {
        "validation_loss_flow": float(torch.cat(losses).mean()),
        "validation_action_error": float(torch.cat(errors).mean()),
    }


def _shapes(samples: LeRobotDataset, image_size: int) -> Shapes:
    features = samples.meta.features
    for camera in samples.meta.camera_keys:
        shape = tuple(features[camera]["shape"])
        if shape != (image_size, image_size, 3):
            raise UserError(
                f"{camera} is {shape}, expected build.image_size = {image_size} px: run `dvc repro"
                " build_dataset`"
            )
    return Shapes(
        cameras=tuple(samples.meta.camera_keys),
        state=features[OBS_STATE]["shape"][0],
        action=features[ACTION]["shape"][0],
    )
