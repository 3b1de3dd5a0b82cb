"""What a training keeps, and what it goes on from.

    <folder>/settings.yaml               the configuration, every default spelt out
            /checkpoints/00005000/       by environment steps
                        /algorithm/      RLlib's state: pickles, so only of your own machine
                        /driver/         `avvla.rl.driver`: drives without Ray
                        /progress.json   written last
            /tensorboard/                curves
            /lock, /logs/

A checkpoint is made under a hidden name and renamed, so one that was cut short is not seen.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp
from typing import Literal

import yaml

from avvla.errors import UserError
from avvla.record import Record, read_record
from avvla.results import write_text
from avvla.rl.reading import plain_of
from avvla.rl.settings import Settings

Resume = Literal["never", "auto", "must"]
SETTINGS, CHECKPOINTS, LOCK = "settings.yaml", "checkpoints", "lock"
ALGORITHM, DRIVER_FOLDER, PROGRESS = "algorithm", "driver", "progress.json"


class Progress(Record):
    """How far a training is, and its curve: figures by iteration, without times."""

    steps: int = 0
    rows: tuple[dict[str, float], ...] = ()


@dataclass(frozen=True)
class Checkpoint:
    """A whole checkpoint."""

    folder: Path
    progress: Progress

    @property
    def driver(self) -> Path:
        """Folder of the driver without Ray."""
        return self.folder / DRIVER_FOLDER

    @property
    def algorithm(self) -> Path:
        """Folder of RLlib's state."""
        return self.folder / ALGORITHM


@dataclass(frozen=True)
class RunFolder:
    """The folder of one training."""

    folder: Path

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Alone in the folder.

        Raises:
            UserError: another process trains in it, or it cannot be made.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            file = (self.folder / LOCK).open("w")
        except OSError as error:
            raise UserError(f"{self.folder} cannot be written ({error.strerror})") from None
        with file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise UserError(
                    f"another process trains in {self.folder}: wait for it, end it, or give another"
                    " --name"
                ) from None
            yield

    def start(self, resume: Resume, overwrite: bool) -> Checkpoint | None:
        """The checkpoint to go on from, None for a new training; nothing is changed.

        Raises:
            UserError: the folder is in use by an older training and neither is allowed, is none of
                a training, or there is nothing to go on from.
        """
        found = None if resume == "never" else self.newest()
        if resume == "must" and found is None:
            raise UserError(f"{self.folder} has no whole checkpoint: train with --resume auto")
        inside = {path.name for path in self._inside()}
        if found is not None or not inside:
            return found
        if SETTINGS not in inside:
            raise UserError(
                f"{self.folder} has files but no {SETTINGS}, so it is no folder of a training:"
                " give another --name"
            )
        if resume == "never" and not overwrite:
            raise UserError(
                f"{self.folder} is not empty: go on with --resume auto, start anew with"
                " --overwrite, or give another --name"
            )
        return None

    def begin(self, settings: Settings, start: Checkpoint | None) -> None:
        """Make the folder fit to go on from what `start` told, empty for None; when locked."""
        for path in self._inside() if start is None else ():
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        for leftover in self._checkpoints.glob(".*"):
            shutil.rmtree(leftover, ignore_errors=True)
        write_text(
            self.folder / SETTINGS, yaml.safe_dump(plain_of(settings), sort_keys=False, width=100)
        )

    def save(self, progress: Progress, keep: int, write: Callable[[Path], None]) -> Checkpoint:
        """Keep a checkpoint under its steps, and remove those that are too old.

        Args:
            progress: how far the training is.
            keep: how many stay.
            write: fills the folder with everything but the progress.

        Raises:
            UserError: it cannot be written; those that were there stay.
        """
        final = self._checkpoints / f"{progress.steps:08d}"
        try:
            self._checkpoints.mkdir(parents=True, exist_ok=True)
            work = Path(mkdtemp(prefix=".", dir=self._checkpoints))
            try:
                write(work)
                (work / PROGRESS).write_text(progress.model_dump_json() + "\n")
                shutil.rmtree(final, ignore_errors=True)
                work.rename(final)
            finally:
                shutil.rmtree(work, ignore_errors=True)
        except OSError as error:
            raise UserError(
                f"the checkpoint of step {progress.steps} cannot be written in {self._checkpoints}"
                f" ({error.strerror}): make room and go on with --resume auto"
            ) from None
        for old in self._complete()[:-keep]:
            shutil.rmtree(old, ignore_errors=True)
        return Checkpoint(final, progress)

    def checkpoints(self) -> list[Checkpoint]:
        """All whole checkpoints, the oldest first."""
        remake = "delete the checkpoint's folder"
        return [
            Checkpoint(path, read_record(Progress, path / PROGRESS, remake))
            for path in self._complete()
        ]

    def newest(self) -> Checkpoint | None:
        """The newest whole checkpoint."""
        found = self.checkpoints()
        return found[-1] if found else None

    def _inside(self) -> list[Path]:
        return [path for path in self.folder.iterdir() if path.name != LOCK]

    @property
    def _checkpoints(self) -> Path:
        return self.folder / CHECKPOINTS

    def _complete(self) -> list[Path]:
        if not self._checkpoints.is_dir():
            return []
        return sorted(
            path
            for path in self._checkpoints.iterdir()
            if path.name.isdecimal() and (path / PROGRESS).is_file()
        )


def digest_of(settings: Settings, code: str) -> str:
    """A name for what a training is made from; what is said of its evaluation does not count."""
    plain = {name: value for name, value in plain_of(settings).items() if name != "evaluation"}
    facts = json.dumps({"code": code, "settings": plain}, sort_keys=True)
    return hashlib.sha256(facts.encode()).hexdigest()[:16]
