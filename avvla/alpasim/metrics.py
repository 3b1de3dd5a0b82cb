"""metrics.json of a run, as `avvla.alpasim.collection` makes it, read back and checked."""

from __future__ import annotations

from pathlib import Path

from pydantic import JsonValue

from avvla.record import Record, read_record


class Simulator(Record):
    """What simulated and evaluated."""

    version: str
    """Of Alpasim, as its image is tagged."""
    evaluation: str
    images: dict[str, str]
    """By service."""


class Run(Record):
    """How the run is called; None where it does not say."""

    name: str | None
    uuid: str | None


class Rollouts(Record):
    """How many there are."""

    started: int
    complete: int
    evaluated: int


class Scenes(Record):
    """What was driven."""

    suite: str
    count: int
    n_sim_steps: int | tuple[int, ...]
    """Of a rollout; several where scenes differ."""
    n_rollouts: int
    """Of each scene."""
    rollouts: Rollouts


class Score(Record):
    """The number that stands for the run."""

    name: str
    value: float | None
    """None: not defined, as a distance between incidents without one."""
    definition: str
    rollouts: int | None = None
    """That it is the mean of, where the run tells their scores."""
    criteria: JsonValue = None
    """The run's own words."""


class Metric(Record):
    """A mean over rollouts."""

    value: float | None
    std_over_rollouts: float | None = None


class Violation(Record):
    """A rollout in which something happened."""

    scene: str
    rollout: str
    metrics: dict[str, float]
    videos: tuple[str, ...]
    """Paths in the run folder."""


class Metrics(Record):
    """The result of a run."""

    alpasim: Simulator
    run: Run
    scenes: Scenes
    score: Score
    metrics: dict[str, Metric]
    violations: tuple[Violation, ...]


def read_metrics(path: Path) -> Metrics:
    """Read metrics.json.

    Raises:
        UserError: it is missing, or not what `collect` writes.
    """
    return read_record(Metrics, path, "write it again with `avvla alpasim collect RUN`")
