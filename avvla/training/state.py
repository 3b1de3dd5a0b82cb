"""What a training keeps to go on from: LeRobot's checkpoint layout, and a record of its progress.

    <folder>/checkpoints/000200/pretrained_model/   as `avvla.policy.checkpoint` writes it
                               /training_state/     optimiser, schedule, random states, progress
    <folder>/checkpoints/last                       the newest

The folder is named by what the training is made from, so another learning rate, data set or
version of the code never goes on from a foreign one. A checkpoint is there whole or not at all. A
run that goes on ends with the bits of one that was never stopped, on a CPU.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import numpy as np
from lerobot.common.train_utils import save_training_step, update_last_checkpoint
from lerobot.optim import (
    load_optimizer_state,
    load_scheduler_state,
    save_optimizer_state,
    save_scheduler_state,
)
from lerobot.utils.constants import (
    CHECKPOINTS_DIR,
    PRETRAINED_MODEL_DIR,
    TRAINING_STATE_DIR,
)
from lerobot.utils.random_utils import load_rng_state, save_rng_state
from safetensors.torch import load_file, load_model, save_file
from torch import Generator
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from avvla.cluster.fingerprint import identity
from avvla.config import Params
from avvla.errors import UserError
from avvla.files import hash_file
from avvla.policy.base import WEIGHTS
from avvla.policy.checkpoint import Checkpoint, save_checkpoint
from avvla.policy.lora import has_adapters, trained
from avvla.training.spikes import Spike

PROGRESS, DRAWS, DRAWN = "progress.json", "draws.safetensors", "state"
TRAINED = "trained.safetensors"
"""What training changes, of a policy with adapters."""
KEEP_DAYS = 14.0
HARMLESS = ("keep_checkpoints", "save_every", "wandb")
"""Parameters of training that shape no result."""


@dataclass
class Progress:
    """How far a training is, and its curves."""

    step: int = 0
    rows: list[dict[str, float]] = field(default_factory=list)
    """By step: means of the terms of the loss since the row before, and validation figures."""
    spikes: list[Spike] = field(default_factory=list)
    open_row: list[dict[str, float]] = field(default_factory=list)
    """Terms of the steps since the last row."""

    def advance(self, values: Mapping[str, float], spikes: list[Spike]) -> None:
        """A step is done."""
        self.step += 1
        self.open_row.append(dict(values))
        self.spikes += spikes

    def close_row(self) -> dict[str, float]:
        """The mean of the steps since the last row, the learning rate being the last one's."""
        steps, self.open_row = self.open_row, []
        means = {name: float(np.mean([step[name] for step in steps])) for name in steps[0]}
        means["learning_rate"] = steps[-1]["learning_rate"]
        self.rows.append({"step": self.step, **means})
        return self.rows[-1]

    def validated(self, figures: Mapping[str, float]) -> dict[str, float]:
        """Figures on held-out samples after this step, put into its row."""
        if not self.rows or self.rows[-1]["step"] != self.step:
            self.rows.append({"step": self.step})
        self.rows[-1] |= figures
        return {"step": self.step, **figures}


@dataclass(frozen=True)
class State:
    """What changes while training."""

    checkpoint: Checkpoint
    optimiser: Optimizer
    schedule: LRScheduler
    draws: Generator


@dataclass(frozen=True)
class Run:
    """Where the state of one training is kept.

    Args:
        folder: of this training alone.
        keep: how many checkpoints stay, the newest ones.
    """

    folder: Path
    keep: int

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Alone in the folder.

        Raises:
            UserError: another process trains the same.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "lock").open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise UserError(
                    f"another process trains the same in {self.folder}: wait for it, or end it"
                ) from None
            yield

    def save(self, state: State, progress: Progress, recent: Mapping[int, list[float]]) -> None:
        """Keep a state under its step, and remove those that are too old.

        Raises:
            UserError: it cannot be written; those that were there stay.
        """
        final = self._checkpoints / f"{progress.step:06d}"
        self._checkpoints.mkdir(parents=True, exist_ok=True)
        work = Path(mkdtemp(prefix=".", dir=self._checkpoints))
        try:
            _write(work, state, progress, recent)
            shutil.rmtree(final, ignore_errors=True)
            work.rename(final)
            update_last_checkpoint(final)
        except OSError as error:
            raise UserError(
                f"the checkpoint of step {progress.step} cannot be written in {self._checkpoints}"
                f" ({error.strerror}): make room, or set AVVLA_WORK, and run the stage again; the"
                " last good one is kept"
            ) from None
        finally:
            shutil.rmtree(work, ignore_errors=True)
        for old in self._kept()[: -self.keep]:
            shutil.rmtree(old, ignore_errors=True)

    def load(self, state: State) -> tuple[Progress, dict[int, list[float]]] | None:
        """Put the newest kept state into `state`; its progress and recent losses, if there is one.

        Raises:
            UserError: it is damaged.
        """
        kept = self._kept()
        if not kept:
            return None
        try:
            return _read(kept[-1], state)
        except Exception as error:  # whatever a damaged file makes the libraries raise
            reason = " ".join(str(error).split())
            raise UserError(
                f"{kept[-1]} cannot be gone on from ({type(error).__name__}: {reason}): delete it"
                " to go on from the one before, or from the start"
            ) from None

    def prune(self) -> None:
        """Remove the trainings beside this one that nobody has gone on with for KEEP_DAYS."""
        oldest = time.time() - KEEP_DAYS * 86400
        for folder in self.folder.parent.iterdir():
            if folder != self.folder and folder.is_dir() and folder.stat().st_mtime < oldest:
                shutil.rmtree(folder, ignore_errors=True)

    @property
    def _checkpoints(self) -> Path:
        return self.folder / str(CHECKPOINTS_DIR)

    def _kept(self) -> list[Path]:
        if not self._checkpoints.is_dir():
            return []
        return sorted(path for path in self._checkpoints.iterdir() if path.name.isdecimal())


def run_of(work: Path, params: Params, root: Path, module: str) -> Run:
    """The run of a training, named by a hash of all that shapes its weights and figures.

    Args:
        work: folder of all trainings on this machine.
        params: the parameters.
        root: of the data set, every file of which counts.
        module: of the workload, whose code and libraries count.
    """
    files = sorted(path for path in root.rglob("*") if path.is_file())
    facts = {
        "code": identity(module),
        "data": {path.relative_to(root).as_posix(): hash_file(path) for path in files},
        "action": params.action.model_dump(),
        "picture": params.build.model_dump(exclude={"validation"}),
        "policy": params.policy.model_dump(),
        "train": params.train.model_dump(exclude=set(HARMLESS)),
    }
    digest = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]
    return Run(work / digest, params.train.keep_checkpoints)


def _write(
    folder: Path, state: State, progress: Progress, recent: Mapping[int, list[float]]
) -> None:
    save_checkpoint(folder / PRETRAINED_MODEL_DIR, *state.checkpoint)
    training = folder / TRAINING_STATE_DIR
    training.mkdir()
    save_training_step(progress.step, training)
    save_optimizer_state(state.optimiser, training)
    save_scheduler_state(state.schedule, training)
    save_rng_state(training)
    save_file({DRAWN: state.draws.get_state()}, training / DRAWS)
    record: dict[str, Any] = {
        "step": progress.step,
        "rows": progress.rows,
        "open_row": progress.open_row,
        "spikes": [spike.plain() for spike in progress.spikes],
        "recent": {str(rank): losses for rank, losses in recent.items()},
    }
    if has_adapters(state.checkpoint.policy):
        save_file(trained(state.checkpoint.policy), training / TRAINED)
    (training / PROGRESS).write_text(json.dumps(record))


def _read(folder: Path, state: State) -> tuple[Progress, dict[int, list[float]]]:
    training = folder / TRAINING_STATE_DIR
    record = json.loads((training / PROGRESS).read_text())
    policy = state.checkpoint.policy
    if has_adapters(policy):  # in the checkpoint they are part of the weights
        policy.load_state_dict(load_file(training / TRAINED), strict=False)
    else:
        load_model(policy, folder / PRETRAINED_MODEL_DIR / WEIGHTS)
    load_optimizer_state(state.optimiser, training)
    load_scheduler_state(state.schedule, training)
    load_rng_state(training)
    state.draws.set_state(load_file(training / DRAWS)[DRAWN])
    progress = Progress(
        step=record["step"],
        rows=record["rows"],
        spikes=[Spike(**spike) for spike in record["spikes"]],
        open_row=record["open_row"],
    )
    return progress, {int(rank): losses for rank, losses in record["recent"].items()}
