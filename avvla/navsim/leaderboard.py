"""Published figures to set a score beside, in percent, with date and source.

What papers and boards say, not measured here; second-hand ones were not checked at their source.
Only figures of one metric, one split and one state of the devkit can be compared. `as_of` is the
newest source's month.
"""

from __future__ import annotations

from typing import NamedTuple

CONSTANT_VELOCITY, HUMAN, BLIND = 20.6, 94.5, 65.6
"""PDMS on navtest (v1.1) of the canaries, and of an MLP that sees the ego's status alone.

Constant velocity and the MLP: arXiv 2406.15349; the human: the devkit's agent run on v1.1.
"""


class Entry(NamedTuple):
    """A method, its score [percent] and where it is told."""

    name: str
    score: float
    source: str


class Board(NamedTuple):
    """Figures that can be compared with each other."""

    title: str
    as_of: str
    entries: tuple[Entry, ...]


_NAVTEST = Board(
    "PDMS on navtest, NAVSIM v1.1",
    "2026-06",
    (
        Entry("human", 94.8, "arXiv 2406.15349"),
        Entry("DrivoR + TOAD", 94.7, "arXiv 2606.07170"),
        Entry("DrivoR", 94.6, "arXiv 2601.05083"),
        Entry("NaviHydra", 92.7, "arXiv 2512.10660"),
        Entry("ReCogDrive, VLA", 90.8, "second-hand"),
        Entry("AutoVLA, VLA", 89.1, "second-hand"),
        Entry("PDM-Closed, sees the map", 89.1, "arXiv 2406.15349"),
        Entry("DiffusionDrive", 88.1, "second-hand"),
        Entry("TransFuser", 84.0, "arXiv 2406.15349"),
        Entry("ego-status MLP, blind", BLIND, "arXiv 2406.15349"),
        Entry("constant velocity", CONSTANT_VELOCITY, "arXiv 2406.15349"),
    ),
)
_NAVTEST_ONE_STAGE = Board(
    "EPDMS on navtest, one stage, NAVSIM v2.2 with the filter of 2025-09-29",
    "after 2025-09",
    (
        Entry("WA-JEPA", 91.7, "second-hand"),
        Entry("SparseDriveV2", 90.1, "second-hand"),
        Entry("DriveFuture", 89.9, "second-hand"),
    ),
)
_NAVTEST_BEFORE = Board(
    "EPDMS on navtest, one stage, NAVSIM v2 before the filter of 2025-09-29",
    "no date known",
    (
        Entry("Drive-JEPA", 87.8, "second-hand"),
        Entry("DriveSuprim, larger", 87.1, "second-hand"),
        Entry("Hydra-MDP++", 81.4, "second-hand"),
        Entry("TransFuser", 76.7, "second-hand"),
        Entry("ego-status MLP, blind", 64.0, "second-hand"),
    ),
)
_NAVHARD = Board(
    "EPDMS on navhard_two_stage, NAVSIM v2.2 with the filter of 2025-09-29",
    "2026-03",
    (
        Entry("PDM-Closed, sees the map", 56.6, "second-hand, the board"),
        Entry("DrivoR + TOAD", 56.3, "arXiv 2606.07170"),
        Entry("DriveFuture", 55.5, "second-hand, the board"),
        Entry("DrivoR", 54.6, "second-hand, the board"),
        Entry("ZTRS", 48.1, "second-hand, the board"),
        Entry("GTRS", 45.4, "second-hand, the board"),
        Entry("RAP-DINO", 39.6, "second-hand, the board"),
        Entry("DiffusionDrive", 24.2, "second-hand, the board"),
        Entry("TransFuser", 23.1, "second-hand, the board"),
    ),
)


def board(version: str, split: str, *, mended: bool) -> Board | None:
    """The figures to compare with, None where none are known.

    Args:
        version: of the metric, `v1.1` or `v2.2`.
        split: of the scenes.
        mended: with v2.2, whether the human filter is that of 2025-09-29.
    """
    if split == "navtest" and version == "v1.1":
        return _NAVTEST
    if split == "navtest":
        return _NAVTEST_ONE_STAGE if mended else _NAVTEST_BEFORE
    return _NAVHARD if split == "navhard_two_stage" and mended else None
