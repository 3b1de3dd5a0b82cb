"""The same episodes by LeRobot's own recorder: what `avvla.dataset.writer` is held against."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from lerobot.datasets import LeRobotDataset
from numpy.typing import NDArray

from avvla.dataset.video import encoder

Episode = tuple[dict[str, NDArray[np.uint8]], dict[str, NDArray], tuple[str, ...]]
"""Images (T, H, W, 3) by camera, values (T, ...) by feature, and T tasks."""


def record(
    root: Path,
    repo_id: str,
    fps: int,
    features: dict[str, dict[str, Any]],
    tasks: Iterable[str],
    episodes: Sequence[Episode],
    robot_type: str,
) -> None:
    """Write a data set by `add_frame` and `save_episode`, with avvla's encoder."""
    dataset = LeRobotDataset.create(
        repo_id,
        fps=fps,
        features=features,
        root=root,
        robot_type=robot_type,
        video_backend="pyav",
        rgb_encoder=encoder(),
        encoder_threads=1,
        # Without it every frame goes through a PNG file. A full queue would drop frames.
        streaming_encoding=True,
        encoder_queue_maxsize=max(len(task) for *_, task in episodes),
    )
    dataset.meta.save_episode_tasks(sorted(set(tasks)))
    for images, values, commands in episodes:
        for i, task in enumerate(commands):
            frame = {name: value[i] for name, value in (images | values).items()}
            dataset.add_frame({"task": task, **frame})
        dataset.save_episode(parallel_encoding=False)
    dataset.finalize()
