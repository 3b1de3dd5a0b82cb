"""Training by RLlib, on a Ray of its own or an existing cluster.

A plain loop over `Algorithm.train` instead of Tune: there is one trial, so Tune would add a second
process, a second form of state and a restore of its own that goes by what it last wrote; the loop
owns its checkpoints, so that the newest whole one is what a killed training goes on from.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import psutil
import torch
from gymnasium import spaces

from avvla import host
from avvla.cluster.ray_cluster import cluster
from avvla.errors import UserError
from avvla.rl.driver import load_driver, save_driver
from avvla.rl.environment import make_environment
from avvla.rl.network import Encoder, Shape, make_network
from avvla.rl.reading import plain_of
from avvla.rl.run_folder import ALGORITHM, DRIVER_FOLDER, Checkpoint, Progress, Resume, RunFolder
from avvla.rl.settings import Dqn, Settings, Stop

if TYPE_CHECKING:
    from ray.rllib.algorithms.algorithm import Algorithm

MODULE = "default_policy"
GB = 2.0**30
Say = Callable[[str], None]


@dataclass(frozen=True)
class Task:
    """A configuration with what follows from it."""

    settings: Settings
    shape: Shape
    spaces: tuple[spaces.Space[Any], spaces.Space[Any]]


def task_of(settings: Settings) -> Task:
    """Make the environment once, so that what cannot work is told before Ray starts.

    Raises:
        UserError: the world, the experiment or the network cannot be made, or the algorithm is for
            other actions.
    """
    environment = make_environment(settings)
    seen, acts = environment.observation_space, environment.action_space
    environment.close()
    name, learn = settings.experiment.path, settings.learn
    if not (isinstance(seen, spaces.Box) and seen.dtype == "uint8" and len(seen.shape) == 3):
        raise UserError(f"{name} shows {seen}, expected pictures: a Box (H, W, C) of uint8")
    discrete = isinstance(acts, spaces.Discrete)
    if discrete != isinstance(learn, Dqn):
        raise UserError(
            f"learn.algorithm is {learn.algorithm}, which needs"
            f" {'discrete' if isinstance(learn, Dqn) else 'continuous'} actions; {name} has {acts}"
        )
    shape = Shape(
        kind="q" if discrete else "gaussian",
        picture=seen.shape,
        actions=int(acts.n) if isinstance(acts, spaces.Discrete) else len(acts.sample()),
        conv=learn.network.conv,
        hidden=learn.network.hidden,
        dueling=learn.dueling if isinstance(learn, Dqn) else False,
        first_std=1.0 if isinstance(learn, Dqn) else learn.first_std,
    )
    try:
        Encoder(shape)
    except ValueError:
        raise UserError(
            f"learn.network.conv {list(map(list, shape.conv))} is too much for a picture of"
            f" {shape.picture[0]} x {shape.picture[1]} pixels: make kernels or strides smaller"
        ) from None
    return Task(settings, shape, (seen, acts))


def train(
    settings: Settings, run: RunFolder, resume: Resume, *, overwrite: bool = False, say: Say = print
) -> Checkpoint:
    """Train until a stop rule holds; the last checkpoint.

    Args:
        settings: the configuration.
        run: where checkpoints and curves go.
        resume: whether to go on from its newest checkpoint.
        overwrite: whether an older training in the folder may be removed.
        say: is told the progress, a line at a time.

    Raises:
        UserError: see `task_of`, `RunFolder` and `avvla.cluster.ray_cluster.cluster`; or the
            checkpoint is of another network.
    """
    task = task_of(settings)
    with run.locked():
        start = run.start(resume, overwrite)
        if start is not None:
            _same_network(start, task.shape)
            say(f"going on from {start.folder}, step {start.progress.steps}")
        with cluster(max(settings.runners.count, 1)):
            run.begin(settings, start)  # an older run goes only once there is a Ray to train on
            with _trainer(task, run, start) as trainer:
                return trainer.loop(say)


def _same_network(start: Checkpoint, shape: Shape) -> None:
    saved = load_driver(start.driver)[1].shape
    differing = [
        f"{name} {getattr(saved, name)} there, {getattr(shape, name)} here"
        for name in Shape.model_fields
        if name != "first_std" and getattr(saved, name) != getattr(shape, name)
    ]
    if differing:
        raise UserError(
            f"{start.folder} is of another network ({'; '.join(differing)}): restore the"
            " configuration, or start anew with --resume never and another --name"
        )


@contextmanager
def _trainer(task: Task, run: RunFolder, start: Checkpoint | None) -> Iterator[Trainer]:
    """The algorithm, in the state of the checkpoint."""
    from torch.utils.tensorboard import SummaryWriter

    from avvla.rl.algorithm import build

    logging.getLogger("ray.rllib").setLevel(logging.ERROR)
    torch.set_num_threads(1)
    torch.manual_seed(task.settings.seed)
    progress = start.progress if start else Progress()
    learn = task.settings.learn
    # A checkpoint has no replay buffer: it fills again before anything more is learned.
    warm_up = progress.steps + (learn.learning_starts if isinstance(learn, Dqn) else 0)
    algorithm = build(
        task.settings, task.shape, task.spaces, run.folder / "logs", host.device(), warm_up
    )
    if isinstance(learn, Dqn):  # RLlib seeds everything but this
        algorithm.local_replay_buffer.rng = np.random.default_rng(task.settings.seed)
    writer = SummaryWriter(str(run.folder / "tensorboard"), purge_step=progress.steps)
    try:
        if start is not None:
            algorithm.restore_from_path(str(start.algorithm.resolve()))
        yield Trainer(task, run, algorithm, writer, progress)
    finally:
        writer.close()
        algorithm.stop()


@dataclass
class Trainer:
    """A training under way."""

    task: Task
    run: RunFolder
    algorithm: Algorithm
    writer: Any
    progress: Progress

    def loop(self, say: Say) -> Checkpoint:
        """Train until a stop rule holds."""
        stop, checkpoints = self.task.settings.stop, self.task.settings.checkpoints
        begin = clock = time.monotonic()
        saved = self.progress.steps
        while True:
            reason = _over(stop, self.progress.steps, time.monotonic() - begin)
            try:
                if reason is None:
                    before, row = self.progress.steps, self._iterate()
                    now = time.monotonic()
                    say(_line(row, stop.steps, (self.progress.steps - before) / (now - clock)))
                    clock = now
            except KeyboardInterrupt:
                self._save()
                raise
            if reason is not None or self.progress.steps - saved >= checkpoints.every:
                saved, last = self.progress.steps, self._save()
            if reason is not None:
                say(f"stopped: {reason}; the last checkpoint is {last.folder}")
                return last

    def _iterate(self) -> dict[str, float]:
        """One iteration of the algorithm, noted."""
        row = _row(self.algorithm.train())
        self.progress = Progress(steps=int(row["steps"]), rows=(*self.progress.rows, row))
        for name, value in row.items():
            self.writer.add_scalar(name, value, self.progress.steps)
        return row

    def _save(self) -> Checkpoint:
        return self.run.save(self.progress, self.task.settings.checkpoints.keep, self._write)

    def _write(self, folder: Path) -> None:
        self.algorithm.save_to_path(str((folder / ALGORITHM).resolve()))
        network = make_network(self.task.shape)
        network.load_state_dict(_weights(self.algorithm))
        save_driver(folder / DRIVER_FOLDER, plain_of(self.task.settings), self.task.shape, network)


def _weights(algorithm: Algorithm) -> Mapping[str, torch.Tensor]:
    """The learner's network's."""
    (found,) = algorithm.learner_group.foreach_learner(
        func=lambda learner: learner.module[MODULE].network.state_dict()
    )
    weights: Mapping[str, torch.Tensor] = found.get()
    return weights


def _row(result: Mapping[str, Any]) -> dict[str, float]:
    """The figures of an iteration that no machine changes."""
    from avvla.rl.callbacks import EPISODES

    runners = result["env_runners"]
    learner = result.get("learners", {}).get(MODULE, {})
    row = {"steps": float(runners["num_env_steps_sampled_lifetime"])}
    figures = sorted(runners.get(EPISODES, {}).items())
    # Of an iteration in which no episode ended, RLlib says NaN.
    row |= {name: float(value) for name, value in figures if math.isfinite(value)}
    if "total_loss" in learner:
        row["loss"] = float(learner["total_loss"])
    return row


def _over(stop: Stop, steps: int, seconds: float) -> str | None:
    """Why the training is over, if it is."""
    memory = psutil.virtual_memory().percent
    if steps >= stop.steps:
        return f"{steps} steps"
    if stop.minutes is not None and seconds >= 60.0 * stop.minutes:
        return f"{stop.minutes:g} minutes"
    if memory >= stop.ram_percent:
        return f"{memory:.0f} % of the memory is in use (stop.ram_percent)"
    return None


def _line(row: Mapping[str, float], steps: int, rate: float) -> str:
    done = int(row["steps"])
    told = ", ".join(
        f"{name} {row[name]:.3g}"
        for name in ("return", "success", "collision", "off_road", "heading_deviation_rad", "loss")
        if name in row
    )
    used = psutil.Process().memory_info().rss / GB
    return (
        f"[{min(done / steps, 1.0):4.0%}] step {done}/{steps} {told or 'no episode yet'}"
        f" ({rate:.0f} steps/s, RAM {used:.1f} GB)"
    )
