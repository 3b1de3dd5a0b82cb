"""Writing a LeRobot data set: LeRobot's own `add_frame` and `save_episode` against avvla's writer.

Both write the same episodes with the same encoder, one thread each; the time is that of the
processor. The episodes are as many and as long as in a chunk of the embedded profile.

    OMP_NUM_THREADS=1 python bench/dataset.py
"""

import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import av
import cv2
import datasets
import numpy as np
import torch
from lerobot_recorder import Episode, record

from avvla.dataset.shard import IMAGE, REPO_ID, T0_US, features
from avvla.dataset.writer import EpisodeWriter

EPISODES, FRAMES, SIZE, FPS = 250, 5, 96, 2
TASKS = ("Follow the lane", "Turn left")


def episode(seed: int) -> Episode:
    """Images (T, S, S, 3) by camera, of a smooth scene that moves, values by feature, tasks."""
    rng = np.random.default_rng(seed)
    scene = cv2.resize(rng.integers(0, 256, (12, 12, 3), np.uint8), (SIZE, SIZE))
    images = np.stack([np.roll(scene, 2 * i, axis=1) for i in range(FRAMES)])
    values = {
        name: rng.normal(size=(FRAMES, *feature["shape"])).astype(feature["dtype"])
        for name, feature in features(SIZE).items()
        if name not in (IMAGE, T0_US)
    }
    values[T0_US] = np.arange(FRAMES)[:, None] * 500_000
    return {IMAGE: images}, values, tuple(TASKS[i % 2] for i in range(FRAMES))


def lerobot(root: Path, episodes: list[Episode]) -> None:
    record(root, REPO_ID, FPS, features(SIZE), TASKS, episodes, "ego_vehicle")


def avvla(root: Path, episodes: list[Episode]) -> None:
    with EpisodeWriter(root, REPO_ID, FPS, features(SIZE), TASKS, "ego_vehicle") as writer:
        for images, values, tasks in episodes:
            writer.add(images, values, tasks)


def milliseconds(write: Callable[[Path, list[Episode]], None], episodes: list[Episode]) -> float:
    """Processor time of an episode; a short data set before it warms up."""
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder) / "warm", episodes[:2])
        begin = time.process_time()
        write(Path(folder) / "timed", episodes)
        return (time.process_time() - begin) / len(episodes) * 1000


def main() -> None:
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    av.logging.set_libav_level(av.logging.ERROR)
    datasets.disable_progress_bars()
    episodes = [episode(seed) for seed in range(EPISODES)]
    threads = torch.get_num_threads()
    print(f"{EPISODES} episodes of {FRAMES} frames of {SIZE} x {SIZE}, threads: {threads}")
    figures = {}
    for name, write in (("lerobot", lerobot), ("avvla", avvla)):
        figures[name] = milliseconds(write, episodes)
        print(f"{name:<10}{figures[name]:>8.1f} ms of processor time an episode")
    print(
        json.dumps(
            {
                "lerobot_ms": round(figures["lerobot"], 1),
                "avvla_ms": round(figures["avvla"], 1),
                "ratio": round(figures["lerobot"] / figures["avvla"], 2),
                "threads": threads,
            }
        )
    )


if __name__ == "__main__":
    main()
