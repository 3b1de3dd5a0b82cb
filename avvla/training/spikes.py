"""Loss spikes: a process's loss of a batch far above its own recent ones, and whose samples it was.

loss > ratio * mean of the last 100 losses, once there are 50
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from avvla.training.origin import Origin

WINDOW, LEAST = 100, 50

COLUMNS = (
    "step",
    "loss",
    "action_loss",
    "trajectory_loss",
    "temporal_loss",
    "moving_avg",
    "ratio",
    "episode_indices",
    "frame_indices",
    "episode_paths",
    "rank",
)


@dataclass(frozen=True)
class Spike:
    """One process's batch whose loss was out of the ordinary."""

    step: int
    rank: int
    terms: Mapping[str, float]
    """Loss and its terms."""
    moving_average: float
    episodes: Sequence[int]
    frames: Sequence[int]
    paths: Sequence[str]

    @classmethod
    def of(
        cls,
        step: int,
        rank: int,
        terms: Mapping[str, float],
        moving_average: float,
        origin: Origin,
        samples: Sequence[int],
    ) -> Spike:
        """The spike of some samples."""
        episodes = origin.episode[list(samples)].tolist()
        return cls(
            step=step,
            rank=rank,
            terms=dict(terms),
            moving_average=moving_average,
            episodes=episodes,
            frames=origin.frame[list(samples)].tolist(),
            paths=[origin.names[episode] for episode in episodes],
        )

    @property
    def ratio(self) -> float:
        """Loss over moving average."""
        return self.terms["loss"] / self.moving_average

    def line(self) -> str:
        """For people."""
        episodes = " ".join(map(str, sorted(set(self.episodes))))
        return (
            f"[SPIKE] step {self.step} loss {self.terms['loss']:.4f} average"
            f" {self.moving_average:.4f} ratio {self.ratio:.1f} rank {self.rank}"
            f" episodes {episodes}"
        )

    def plain(self) -> dict[str, object]:
        """As JSON, for `Spike(**...)`."""
        return asdict(self)


class SpikeWatch:
    """The recent losses of every process.

    Args:
        ratio: see the module.
    """

    def __init__(self, ratio: float) -> None:
        self._ratio = ratio
        self.recent: dict[int, list[float]] = {}
        """Process -> its last losses."""

    def look(self, rank: int, loss: float) -> float | None:
        """The mean of a process's recent losses if this one is a spike; remember this one."""
        recent = self.recent.setdefault(rank, [])
        average = sum(recent) / len(recent) if recent else 0.0
        spiked = len(recent) >= LEAST and loss > self._ratio * average
        self.recent[rank] = [*recent, loss][-WINDOW:]
        return average if spiked else None


def table(spikes: Sequence[Spike]) -> str:
    """All spikes as CSV; lists are separated by spaces, paths by `|`."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(row(spike) for spike in spikes)
    return text.getvalue()


def row(spike: Spike) -> list[str | int | float]:
    """A spike's values for COLUMNS; a term that the run does not have is 0."""
    return [
        spike.step,
        spike.terms["loss"],
        *(spike.terms.get(f"loss_{term}", 0.0) for term in ("flow", "trajectory", "temporal")),
        spike.moving_average,
        spike.ratio,
        " ".join(map(str, spike.episodes)),
        " ".join(map(str, spike.frames)),
        "|".join(spike.paths),
        spike.rank,
    ]


def lines(spikes: Sequence[Spike]) -> str:
    """All spikes, one a line."""
    return "".join(f"{spike.line()} of {', '.join(sorted(set(spike.paths)))}\n" for spike in spikes)
