"""Whether a table of scores follows from itself.

PDMS  = NC DAC (5 EP + 5 TTC + 2 C) / 12
EPDMS = NC DAC DDC TLC (5 EP + 5 TTC + 2 LK + 2 HC + 2 EC) / 16, over 14 where EC is empty
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from avvla.errors import UserError
from avvla.navsim.table import (
    AGAIN,
    COMBINED,
    DAC,
    DDC,
    EC,
    EP,
    HC,
    LK,
    NC,
    SCORE,
    STAGES,
    TLC,
    TTC,
    V2,
    C,
    Table,
)

Array = NDArray[np.float64]
_TOLERANCE = 1e-6


class Stage(NamedTuple):
    """The K valid scenes of one stage: tokens, sub-scores (K,) by name, scores (K,)."""

    token: list[str]
    value: dict[str, Array]
    score: Array


def stages(path: Path, table: Table) -> list[Stage]:
    """The valid scenes by stage, one stage or two.

    Raises:
        UserError: a valid scene lacks a value, or is of both stages or of none.
    """
    if not table.layout.two_stages:
        names = {name: name for name in table.layout.columns if name != SCORE}
        return [_stage(path, table, table.valid, names)]
    inside = [np.isfinite(table.value[NC + suffix]) & table.valid for suffix in STAGES]
    odd = np.flatnonzero(table.valid & ~(inside[0] ^ inside[1]))
    if len(odd):
        raise UserError(
            f"{path}: scene {table.token[odd[0]]} is of both stages or of none: {AGAIN}"
        )
    return [
        _stage(path, table, rows, {name: name + suffix for name in V2})
        for rows, suffix in zip(inside, STAGES, strict=True)
    ]


def follows(path: Path, stage: Stage, version: str) -> bool:
    """Whether each score follows from its sub-scores.

    Before the fix of 2025-09-29 the devkit's human filter changed v2's sub-scores and not its
    totals, which are then too low in some scenes: the one difference that is let through.

    Raises:
        UserError: a score does not follow.
    """
    value = stage.value
    if version == "v1.1":
        expected = value[NC] * value[DAC] * (5 * value[EP] + 5 * value[TTC] + 2 * value[C]) / 12
    else:
        product = value[NC] * value[DAC] * value[DDC] * value[TLC]
        weighted = 5 * value[EP] + 5 * value[TTC] + 2 * value[LK] + 2 * value[HC]
        known = np.isfinite(value[EC])
        weighted = weighted + np.where(known, 2 * value[EC], 0.0)
        expected = product * weighted / np.where(known, 16, 14)
    off = stage.score - expected
    wrong = off > _TOLERANCE if version == "v2.2" else abs(off) > _TOLERANCE
    if wrong.any():
        first = int(wrong.argmax())
        raise UserError(
            f"{path}: scene {stage.token[first]} has the score {stage.score[first]:.6f}, its"
            f" sub-scores give {expected[first]:.6f}: the file was changed, or the devkit was"
        )
    return bool((abs(off) <= _TOLERANCE).all())


def check_summaries(path: Path, table: Table, found: list[Stage]) -> None:
    """Hold the summary rows against the scenes.

    The weights of the second stage are not in the file: of what depends on them only the bounds
    can be checked.

    Raises:
        UserError: a summary does not follow from the scenes.
    """
    if not table.layout.two_stages:
        (name,) = table.layout.summaries
        for column, value in {**found[0].value, SCORE: found[0].score}.items():
            _hold(path, name, column, table.summary[name][column], mean(value))
        return
    first = table.layout.summaries[0]
    _hold(path, first, SCORE, table.summary[first][SCORE], mean(found[0].score))
    for column, value in found[0].value.items():
        _hold(path, first, column, table.summary[first][column + STAGES[0]], mean(value))
    for column, value in found[1].value.items():
        for row in table.layout.summaries[1:]:
            _bound(path, row, column + STAGES[1], table, value)
    _bound(path, table.layout.summaries[1], SCORE, table, found[1].score)
    for column in found[0].value:
        name = column + STAGES[0]
        _hold(path, COMBINED, name, table.summary[COMBINED][name], table.summary[first][name])
    combined = table.summary[COMBINED][SCORE]
    if not combined <= table.summary[first][SCORE] + _TOLERANCE:
        raise UserError(
            f"{path}: {COMBINED} is {combined}, expected at most the {table.summary[first][SCORE]}"
            f" of its first stage, a factor of it: {AGAIN}"
        )


def mean(value: Array) -> float:
    """Over what is not NaN; NaN of nothing."""
    known = value[np.isfinite(value)]
    return float(known.mean()) if len(known) else float("nan")


def _stage(path: Path, table: Table, rows: NDArray[np.bool_], names: dict[str, str]) -> Stage:
    token = [name for name, inside in zip(table.token, rows, strict=True) if inside]
    value = {short: table.value[name][rows] for short, name in names.items()}
    stage = Stage(token, value, table.value[SCORE][rows])
    may_lack = () if table.layout.two_stages else (EC,)  # the first frame of a log has none before
    for name, column in {**value, SCORE: stage.score}.items():
        empty = np.isnan(column)
        if name not in may_lack and empty.any():
            raise UserError(
                f"{path}: scene {token[int(empty.argmax())]} is valid and has no {name}: {AGAIN}"
            )
    return stage


def _bound(path: Path, row: str, column: str, table: Table, value: Array) -> None:
    got, low, high = table.summary[row][column], value.min(), value.max()
    if not low - _TOLERANCE <= got <= high + _TOLERANCE:
        raise UserError(
            f"{path}: {column} of the row {row} is {got:.6f}, its scenes have {low:.6f} to"
            f" {high:.6f}: rows are missing or were changed; {AGAIN}"
        )


def _hold(path: Path, row: str, column: str, got: float, expected: float) -> None:
    same = abs(got - expected) <= _TOLERANCE or (np.isnan(got) and np.isnan(expected))
    if not same:
        raise UserError(
            f"{path}: {column} of the row {row} is {got:.6f}, the mean of its scenes is"
            f" {expected:.6f}: rows are missing or were changed; {AGAIN}"
        )
