"""The rollouts of a run folder, in both layouts.

RUN/asl/<scene_id>/<rollout>/0.asl             with `_complete` beside it once it has ended
RUN/rollouts/<scene_id>/<rollout>/rollout.asl  the same
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from avvla.errors import UserError

FOLDERS = ("asl", "rollouts")
MARKER = "_complete"
LIVE_S = 600.0
"""A rollout that was written to within this time may be running."""


@dataclass(frozen=True)
class Rollout:
    """A rollout's folder."""

    folder: Path
    scene_id: str
    id: str
    logs: tuple[Path, ...]
    complete: bool

    @property
    def bytes(self) -> int:
        """Of all its files."""
        return sum(path.lstat().st_size for path in _files(self.folder))

    @property
    def touched_s(self) -> float:
        """When the latest of its files was written [seconds since 1970]."""
        times = [path.lstat().st_mtime for path in (self.folder, *_files(self.folder))]
        return max(times)


def find(run: Path) -> list[Rollout]:
    """The rollouts of a run, by scene and name.

    Raises:
        UserError: the folder has none of the folders for them.
    """
    roots = [run / name for name in FOLDERS if (run / name).is_dir()]
    if not roots:
        raise UserError(
            f"{run} has neither asl/ nor rollouts/, expected the run folder (wizard.log_dir) of a"
            " run that has begun"
        )
    return [
        Rollout(
            folder=folder,
            scene_id=folder.parent.name,
            id=folder.name,
            logs=tuple(sorted(folder.glob("*.asl"))),
            complete=(folder / MARKER).exists(),
        )
        for root in roots
        for scene in sorted(root.iterdir())
        if scene.is_dir() and not scene.is_symlink()
        for folder in sorted(scene.iterdir())
        if folder.is_dir() and not folder.is_symlink() and not folder.name.startswith(".")
    ]


def incomplete(rollouts: Sequence[Rollout], now_s: float | None = None) -> list[Rollout]:
    """Those without the marker, to be removed.

    Raises:
        UserError: one of them was written to in the last `LIVE_S` seconds.
    """
    found = [rollout for rollout in rollouts if not rollout.complete]
    now_s = time.time() if now_s is None else now_s
    live = [rollout for rollout in found if now_s - rollout.touched_s < LIVE_S]
    if live:
        ago_s = max(0.0, now_s - max(rollout.touched_s for rollout in live))
        raise UserError(
            f"{live[0].scene_id}/{live[0].id} was written to {ago_s:.0f} s ago, so the run may be"
            f" live: stop it and try again {LIVE_S / 60:.0f} minutes after its last write"
        )
    return found


def remove(rollouts: Sequence[Rollout]) -> None:
    """Remove the folders of rollouts.

    Raises:
        UserError: one cannot be removed; those before it are gone.
    """
    for rollout in rollouts:
        # Out of the way first: a removal that is cut short leaves no half rollout under its name.
        doomed = rollout.folder.with_name(f".{rollout.id}.{os.getpid()}.pruned")
        try:
            rollout.folder.rename(doomed)
            shutil.rmtree(doomed)
        except OSError as error:
            raise UserError(
                f"{rollout.folder} cannot be removed ({error.strerror}): run as its owner, often"
                " the user of the simulation's container"
            ) from None


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*")) if path.is_symlink() or path.is_file())
