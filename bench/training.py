"""Training: lerobot-train against avvla's loop, samples per second on the same data set.

Both train the same policy from the same weights on the same samples in the same order, and their
losses are compared on the way. They run in turn, each in a process of its own with one thread,
LeRobot without loader processes. The first steps do not count. The time is the wall's.

    OMP_NUM_THREADS=1 python bench/training.py [--rounds 2]

The Field Agent has the size, pictures and batch of the embedded profile, the robot's policy a tiny
backbone, three cameras of 128 px and a batch of 16. The data sets are made here, of noise.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from lerobot.utils.constants import OBS_IMAGES
from lerobot_trainer import arguments, save_untrained

from avvla.config import Params
from avvla.dataset import episode_shard, shard, split
from avvla.dataset.frames import load
from avvla.dataset.writer import EpisodeWriter
from avvla.features import IMAGE
from avvla.training import drives, episodes, loop
from avvla.training.state import Run

WARM, STEPS = 10, 50
MODEL = Path("models/field_agent")
EVERY = {"log_every": 1, "val_every": STEPS, "save_every": STEPS, "val_samples": 1}
ALONE = {"steps": STEPS, "processes": 1, "heading_dropout": 0.0, "mirror": 0.0, **EVERY}
ROBOT = {"max_dim": 12, "train_expert_only": True, "freeze_vision": True, "horizon_decay_s": 0.0}
PARAMS = {
    "field_agent": Params.model_validate({"train": ALONE}),
    "robot": Params.model_validate(
        {"build": {"image_size": 128}, "policy": ROBOT, "train": {**ALONE, "batch_size": 16}}
    ),
}
EPISODES = {"field_agent": (100, 8), "robot": (12, 60)}
"""Workload -> number and length of its episodes."""


def make_data(workload: str, root: Path) -> None:
    """A data set with its split, the last episode held out."""
    params, (count, frames) = PARAMS[workload], EPISODES[workload]
    rng, size = np.random.default_rng(5), params.build.image_size
    if workload == "field_agent":
        features, cameras, kind = shard.features(size), [IMAGE], "ego_vehicle"
    else:
        cameras = [f"{OBS_IMAGES}.camera{i}" for i in (1, 2, 3)]
        names = [name.rpartition(".")[2] for name in cameras]
        features = episode_shard.features(names, size, params.dataset.hdf5)
        kind = episode_shard.ROBOT
    repo = shard.REPO_ID
    with EpisodeWriter(root, repo, 10, features, {"Follow the lane"}, kind) as writer:
        for _ in range(count):
            image = rng.integers(0, 256, (size, size, 3), np.uint8)
            images = {
                name: np.stack([np.roll(image, i, 1) for i in range(frames)]) for name in cameras
            }
            values = {
                name: rng.normal(size=(frames, *feature["shape"])).astype(feature["dtype"])
                for name, feature in features.items()
                if name not in cameras
            }
            writer.add(images, values, ["Follow the lane"] * frames)
    clips = [f"clip_{i:04d}" for i in range(count)]
    parts = [
        split.Part(clips=tuple(clips[part]), episodes=tuple(range(count)[part]))
        for part in (slice(0, -1), slice(-1, None))
    ]
    split.save(split.Split(train=parts[0], validation=parts[1]), root)


def workload_of(name: str, root: Path) -> Any:
    """Makes the workload, as `avvla.training.loop.train` wants it."""
    params, parts = PARAMS[name], split.load(root)
    if name == "robot":
        return lambda device: episodes.Episodes(params, root, MODEL, device)
    training, validation = (load(root, part.episodes) for part in (parts.train, parts.validation))
    return lambda device: drives.Drives(params, training, validation, device)


def train_ours(name: str, root: Path, record: Path) -> None:
    """Train, and record loss and time of every step."""
    times_s: list[float] = []
    step = loop._Training.step

    def timed(self: Any) -> Any:
        spikes = step(self)
        times_s.append(time.perf_counter())
        return spikes

    loop._Training.step = timed  # type: ignore[method-assign]
    with tempfile.TemporaryDirectory() as folder:
        run = Run(Path(folder) / "run", 1)
        rows = loop.train(workload_of(name, root), PARAMS[name].train, "cpu", run).rows
    record.write_text(json.dumps({"losses": [row["loss"] for row in rows], "times_s": times_s}))


def train_theirs(name: str, root: Path, record: Path) -> None:
    """Have lerobot-train do the same."""
    settings = PARAMS[name].train
    given = arguments(
        MODEL,
        root,
        list(split.load(root).train.episodes),
        record.with_suffix(""),
        steps=STEPS,
        batch_size=settings.batch_size,
        num_workers=0,
        seed=settings.seed,
        log_freq=STEPS,
        policy__optimizer_lr=settings.lr,
        policy__optimizer_weight_decay=settings.weight_decay,
        policy__optimizer_grad_clip_norm=settings.grad_clip,
        policy__scheduler_warmup_steps=settings.warmup_steps,
        policy__scheduler_decay_steps=settings.steps,
        policy__scheduler_decay_lr=settings.lr * settings.final_lr,
    )
    script = Path(__file__).with_name("lerobot_trainer.py")
    subprocess.run([sys.executable, script, record, *given], check=True, capture_output=True)


def samples_per_s(record: Path, batch_size: int) -> float:
    times_s = json.loads(record.read_text())["times_s"]
    return batch_size * (len(times_s) - 1 - WARM) / (times_s[-1] - times_s[WARM])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--ours", nargs=3, metavar=("WORKLOAD", "ROOT", "RECORD"))
    options = parser.parse_args()
    if options.ours:
        name, root, record = options.ours
        train_ours(name, Path(root), Path(record))
        return
    figures: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        for name, params in PARAMS.items():
            root = Path(folder, name)
            make_data(name, root)
            save_untrained(workload_of(name, root)("cpu").checkpoint, MODEL)
            speeds: dict[str, list[float]] = {"lerobot": [], "avvla": []}
            losses = {}
            for turn in range(options.rounds):
                for trainer in speeds:
                    record = Path(folder, f"{name}_{trainer}_{turn}.json")
                    if trainer == "lerobot":
                        train_theirs(name, root, record)
                    else:
                        ours = [sys.executable, __file__, "--ours", name, root, record]
                        subprocess.run(ours, check=True, capture_output=True)
                    speeds[trainer].append(samples_per_s(record, params.train.batch_size))
                    losses[trainer] = json.loads(record.read_text())["losses"]
            apart = max(abs(a - b) for a, b in zip(*losses.values(), strict=True))
            median = {trainer: statistics.median(all_) for trainer, all_ in speeds.items()}
            figures[f"{name}_ratio"] = median["avvla"] / median["lerobot"]
            figures[f"{name}_loss_difference"] = apart
            for trainer, speed in median.items():
                figures[f"{name}_{trainer}_samples_per_s"] = speed
                print(f"{name:<12} {trainer:<8} {speed:8.1f} samples/s")
            print(f"{name:<12} largest difference of {STEPS} losses {apart:.1e}")
    figures["ratio"] = min(value for key, value in figures.items() if key.endswith("_ratio"))
    print(json.dumps(figures, sort_keys=True))


if __name__ == "__main__":
    main()
