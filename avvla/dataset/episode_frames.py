"""Samples of robot episodes for training: from memory where the frames fit, else from the video.

Both give the tensors that LeRobot's own loader gives, bit for bit. From memory a frame costs a
copy; from the video it costs opening and seeking, about 4 ms a camera.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
import torch
from lerobot.datasets import LeRobotDataset
from lerobot.utils.constants import ACTION, OBS_STATE
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import default_collate

from avvla.dataset.frames import array, images

PAD = "action_is_pad"
"""LeRobot's mask of the steps past an episode's end."""

Batch = dict[str, Any]
"""Pictures (B, 3, S, S) in 0..1, state (B, D), actions (B, T, A), their mask (B, T), B tasks."""


class Samples(Protocol):
    """N samples, by episode and time."""

    episode: NDArray[np.int64]
    """(N,) index of the episode."""

    def read(self, chosen: Sequence[int]) -> Batch:
        """The chosen samples, copied."""
        ...


def open_samples(dataset: LeRobotDataset, chunk: int, memory_bytes: int) -> Samples:
    """The samples of a data set that gives `chunk` actions with each.

    Args:
        dataset: of whole episodes, see `avvla.dataset.episodes.open_episodes`.
        chunk: actions of a sample.
        memory_bytes: what the decoded frames may take.

    Raises:
        UserError: a video is damaged.
    """
    frame = sum(int(np.prod(dataset.features[name]["shape"])) for name in dataset.meta.camera_keys)
    if frame * len(dataset) <= memory_bytes:
        return FromMemory(dataset, chunk)
    return FromVideo(dataset)


class FromVideo:
    """Read by LeRobot, frame by frame."""

    def __init__(self, dataset: LeRobotDataset) -> None:
        self._dataset = dataset
        self._wanted = [*dataset.meta.camera_keys, OBS_STATE, ACTION, PAD, "task"]
        self.episode = _rows(dataset)["episode_index"].to_numpy()

    def read(self, chosen: Sequence[int]) -> Batch:
        """The chosen samples."""
        rows = [self._dataset[i] for i in chosen]
        batch: Batch = default_collate([{name: row[name] for name in self._wanted} for row in rows])
        return batch


class FromMemory:
    """Decoded once, each video from front to back."""

    def __init__(self, dataset: LeRobotDataset, chunk: int) -> None:
        rows = _rows(dataset)
        self.episode = rows["episode_index"].to_numpy()
        self._images = {
            name: torch.from_numpy(images(dataset, name, rows).transpose(0, 3, 1, 2))
            for name in dataset.meta.camera_keys
        }
        self._state = torch.from_numpy(array(dataset, rows, OBS_STATE))
        self._action = torch.from_numpy(array(dataset, rows, ACTION))
        tasks = dataset.meta.tasks.index
        self._task = [str(tasks[index]) for index in rows["task_index"].to_numpy()]
        self._end = torch.from_numpy(np.searchsorted(self.episode, self.episode, "right"))
        self._ahead = torch.arange(chunk)

    def read(self, chosen: Sequence[int]) -> Batch:
        """The chosen samples, copied."""
        index = torch.tensor(chosen)
        step: Tensor = index[:, None] + self._ahead
        last = self._end[index][:, None] - 1
        return {
            **{name: picture[index].float() / 255 for name, picture in self._images.items()},
            OBS_STATE: self._state[index],
            ACTION: self._action[torch.minimum(step, last)],
            PAD: step > last,
            "task": [self._task[i] for i in chosen],
        }


def _rows(dataset: LeRobotDataset) -> pa.Table:
    rows: pa.Table = dataset.hf_dataset.with_format("arrow")[:]
    return rows
