"""split.json of a LeRobot data set: which clips, each one episode, are held out for validation.

    {"train": {"clips": ["..."], "episodes": [0, ...]}, "validation": {...}}

`clips[i]` is the clip of `episodes[i]`, by episode. Clips of a group stay together: those of one
drive show the same streets, and a share of them in training would give the others away. Groups are
drawn by a hash of their name, so that one keeps its place in the order when others come or go.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, model_validator

from avvla.errors import UserError
from avvla.record import Record, read_record

FILE = "split.json"
REMAKE = "make it again with `dvc repro build_dataset`"


class Part(Record):
    """One side of the split: clips and their episodes, by episode."""

    clips: Annotated[tuple[str, ...], Field(min_length=1)]
    episodes: tuple[Annotated[int, Field(ge=0)], ...]

    @model_validator(mode="after")
    def _aligned(self) -> Self:
        if len(self.clips) != len(self.episodes):
            raise ValueError(f"{len(self.clips)} clips but {len(self.episodes)} episodes")
        if list(self.episodes) != sorted(set(self.episodes)):
            raise ValueError("episodes are not sorted or come twice")
        return self


class Split(Record):
    """Training and validation clips; none in both."""

    train: Part
    validation: Part

    @model_validator(mode="after")
    def _disjoint(self) -> Self:
        shared = set(self.train.clips) & set(self.validation.clips)
        if shared or set(self.train.episodes) & set(self.validation.episodes):
            raise ValueError(f"train and validation share {sorted(shared)[:3] or 'episodes'}")
        return self


def held_out(groups: Iterable[str], share: float, seed: int) -> frozenset[str]:
    """The validation groups: max(1, round(share n)) of the n groups, by seeded hash.

    Raises:
        UserError: that leaves no group to train on.
    """
    ordered = sorted(set(groups), key=lambda group: _rank(group, seed))
    count = max(1, round(share * len(ordered)))
    if count >= len(ordered):
        raise UserError(
            f"build.validation = {share} of {len(ordered)} clips or drives holds out {count} and"
            " leaves none to train on: use more of them or a smaller share"
        )
    return frozenset(ordered[:count])


def split_clips(episodes: Sequence[str], groups: Sequence[str], share: float, seed: int) -> Split:
    """Split a data set whose episode i is the clip `episodes[i]`, of the group `groups[i]`.

    Raises:
        UserError: no group would be left to train on.
    """
    validation = held_out(groups, share, seed)

    def part(inside: bool) -> Part:
        chosen = [i for i, group in enumerate(groups) if (group in validation) == inside]
        return Part(clips=tuple(episodes[i] for i in chosen), episodes=tuple(chosen))

    return Split(train=part(False), validation=part(True))


def save(split: Split, root: Path) -> None:
    """Write split.json into a data set."""
    (root / FILE).write_text(split.model_dump_json(indent=2) + "\n")


def load(root: Path) -> Split:
    """Read split.json of a data set.

    Raises:
        UserError: it is missing, is no JSON, has an empty side, or the sides overlap.
    """
    return read_record(Split, root / FILE, REMAKE)


def _rank(group: str, seed: int) -> str:
    return hashlib.sha256(f"{seed}:{group}".encode()).hexdigest()
