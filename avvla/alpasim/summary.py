"""What a log says about its rollout: how far it came, how long it is, what the bytes are."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

from tqdm import tqdm

from avvla.alpasim.asl import (
    ACTOR_POSES,
    CAMERA_IMAGE,
    DRIVER_RETURN,
    KINDS,
    ROLLOUT_METADATA,
    Log,
    Metadata,
    metadata,
    opened,
)
from avvla.alpasim.wire import DamagedError


@dataclass
class Progress:
    """A log so far; `advance` reads what has come since."""

    path: Path
    metadata: Metadata | None = None
    drives: int = 0
    """Plans that the driver has given."""
    last_us: int | None = None
    """Time of the latest poses of the actors."""
    size: int = 0
    """Bytes up to the last whole entry."""
    image_bytes: int = 0
    entries: dict[int, int] = field(default_factory=dict)
    problem: str = ""
    """Why reading stopped before the end of the file; empty if it did not."""

    def advance(self, bar: tqdm[NoReturn] | None = None) -> None:
        """Read on to the end of the log as it is now; images are stepped over.

        Raises:
            UserError: the file cannot be opened.
        """
        with opened(self.path) as file:
            log = Log(file, (ROLLOUT_METADATA, ACTOR_POSES), self.size)
            try:
                for entry in log:
                    if self.metadata is None:
                        self.metadata = metadata(entry)
                    self.entries[entry.kind] = self.entries.get(entry.kind, 0) + 1
                    if entry.kind == ACTOR_POSES:
                        self.last_us = max(self.last_us or 0, entry.message().integer(1))
                    elif entry.kind == CAMERA_IMAGE:
                        self.image_bytes += entry.size
                    elif entry.kind == DRIVER_RETURN:
                        self.drives += 1
                    if bar is not None:
                        bar.update(log.end - self.size)
                    self.size = log.end
                self.problem = log.problem
            except DamagedError as error:
                self.problem = f"damaged at byte {self.size} ({error})"

    @property
    def steps(self) -> int:
        """Control steps that are done, by the time of the latest poses."""
        made = self.metadata
        if made is None or self.last_us is None or not made.control_timestep_us:
            return 0
        done = (self.last_us - made.start_us) // made.control_timestep_us
        return min(max(done, 0), made.steps)

    @property
    def duration_s(self) -> float:
        """Simulated time from the start to the latest poses [s]."""
        if self.metadata is None or self.last_us is None:
            return 0.0
        return max(self.last_us - self.metadata.start_us, 0) / 1e6

    @property
    def counts(self) -> dict[str, int]:
        """How many entries of each kind, by name."""
        return {
            KINDS.get(kind, f"field_{kind}"): self.entries[kind] for kind in sorted(self.entries)
        }


def read(path: Path) -> Progress:
    """The summary of a log.

    Raises:
        UserError: the file cannot be opened.
    """
    progress = Progress(path)
    with opened(path) as file:
        total = file.seek(0, 2)
    with tqdm(
        desc=path.parent.name, total=total, unit="B", unit_scale=True, leave=False, disable=None
    ) as bar:
        progress.advance(bar)
    return progress
