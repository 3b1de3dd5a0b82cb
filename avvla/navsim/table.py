"""The devkit's table of scores: which version wrote it, its scenes and its summary rows.

    v1.1             a row a scene; at the end their mean, `average`
    v2.2, one stage  the same with other columns; `average_all_frames`
    v2.2, two stages columns by stage, a scene is of one; `extended_pdm_score_stage_one`,
                     `..._stage_two` and `..._combined`

A scene on which the agent failed has `valid` False and empty cells. Columns as written by
run_pdm_score.py and run_pdm_score_one_stage.py (autonomousvision/navsim 3e8291b and 0a380a9).
"""

from __future__ import annotations

import csv
import difflib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from avvla.errors import UserError

NC, DAC = "no_at_fault_collisions", "drivable_area_compliance"
DDC, TLC = "driving_direction_compliance", "traffic_light_compliance"
EP, TTC = "ego_progress", "time_to_collision_within_bound"
C, LK, HC = "comfort", "lane_keeping", "history_comfort"
EC = "two_frame_extended_comfort"
SCORE = "score"
V2 = (NC, DAC, DDC, TLC, EP, TTC, LK, HC, EC)
STAGES = ("_stage_one", "_stage_two")
COMBINED = "extended_pdm_score_combined"

Version = Literal["v1.1", "v2.2"]
VERSIONS: tuple[Version, ...] = get_args(Version)
_ONE = 1 + 1e-6  # of rounding
AGAIN = "copy the devkit's file again, or run its scoring again"


class Layout(NamedTuple):
    """What a script of the devkit writes."""

    version: Version
    what: str
    columns: tuple[str, ...]
    summaries: tuple[str, ...]
    two_stages: bool = False


LAYOUTS = (
    Layout("v1.1", "NAVSIM v1.1", (NC, DAC, EP, TTC, C, DDC, SCORE), ("average",)),
    Layout("v2.2", "NAVSIM v2.2, one stage", (*V2, SCORE), ("average_all_frames",)),
    Layout(
        "v2.2",
        "NAVSIM v2.2, two stages",
        (*(name + stage for stage in STAGES for name in V2), SCORE),
        (*(f"extended_pdm_score{stage}" for stage in STAGES), COMBINED),
        two_stages=True,
    ),
)


@dataclass(frozen=True, eq=False)
class Table:
    """N scenes; NaN where a cell is empty."""

    layout: Layout
    token: tuple[str, ...]
    valid: NDArray[np.bool_]
    """(N,)"""
    value: dict[str, NDArray[np.float64]]
    """(N,) by column, in [0, 1]."""
    summary: dict[str, dict[str, float]]
    """By the row's name and column."""
    summary_valid: dict[str, bool]


def read_table(path: Path) -> Table:
    """Read a table of scores.

    Raises:
        UserError: the file is missing, is no such table, or a row is cut off, doubled or no number
            in [0, 1].
    """
    lines = _lines(path)
    header = lines[0][1] if lines else []
    layout = _layout(path, header)
    rows: dict[str, tuple[bool, dict[str, float]]] = {}
    for number, cells in lines[1:]:
        where = f"{path}, line {number}"
        if len(cells) != len(header):
            raise UserError(
                f"{where} has {len(cells)} cells, expected the {len(header)} of its header: {AGAIN}"
            )
        row = dict(zip(header, cells, strict=True))
        token = row["token"]
        if not token or token in rows:
            raise UserError(f"{where}: the token {token!r} is empty or comes twice: {AGAIN}")
        if row["valid"] not in ("True", "False"):
            raise UserError(f"{where}: valid is {row['valid']!r}, expected True or False: {AGAIN}")
        numbers = {name: _number(where, name, row[name]) for name in layout.columns}
        rows[token] = row["valid"] == "True", numbers
    absent = [name for name in layout.summaries if name not in rows]
    if absent:
        raise UserError(
            f"{path} has no row {absent[0]!r}, which the devkit writes last: the file is cut off;"
            f" {AGAIN}"
        )
    summaries = {name: rows.pop(name) for name in layout.summaries}
    return Table(
        layout=layout,
        token=tuple(rows),
        valid=np.array([valid for valid, _ in rows.values()], bool),
        value={
            name: np.array([numbers[name] for _, numbers in rows.values()], np.float64)
            for name in layout.columns
        },
        summary={name: numbers for name, (_, numbers) in summaries.items()},
        summary_valid={name: valid for name, (valid, _) in summaries.items()},
    )


def _lines(path: Path) -> list[tuple[int, list[str]]]:
    """Numbers and cells of the lines that have any."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.reader(file, strict=True)
            return [(reader.line_num, cells) for cells in reader if cells]
    except FileNotFoundError:
        raise UserError(
            f"{path} does not exist: expected the CSV in the devkit's output folder"
        ) from None
    except (OSError, ValueError, csv.Error) as error:
        raise UserError(
            f"{path} cannot be read as CSV ({error}): expected the one in the devkit's output"
            " folder"
        ) from None


def _layout(path: Path, header: Sequence[str]) -> Layout:
    names = set(header) - {""}  # pandas' index has no name
    if len(names) < len([name for name in header if name]):
        raise UserError(f"{path} has a column twice: {AGAIN}")
    for layout in LAYOUTS:
        if names == {"token", "valid", *layout.columns}:
            return layout
    nearest = max(LAYOUTS, key=lambda layout: len(names & set(layout.columns)))
    expected = {"token", "valid", *nearest.columns}
    missing, unknown = sorted(expected - names), sorted(names - expected)
    if not names & set(nearest.columns):
        raise UserError(
            f"{path} has the columns {', '.join(header)[:80]!r}, expected scores of NAVSIM, as in"
            " the CSV that run_pdm_score.py writes (without any where every scene failed)"
        )
    hint = ""
    if missing and unknown and difflib.get_close_matches(unknown[0], missing, n=1):
        hint = f" (did {unknown[0]!r} replace it?)"
    raise UserError(
        f"{path} is no table of {' or '.join(layout.what for layout in LAYOUTS)}: of the nearest,"
        f" {nearest.what}, it lacks {', '.join(missing[:3]) or 'nothing'}{hint} and has"
        f" {', '.join(unknown[:3]) or 'nothing'} beside; use the devkit's v1.1 or v2.2"
    )


def _number(where: str, name: str, cell: str) -> float:
    if not cell:
        return math.nan
    try:
        number = float(cell)
    except ValueError:
        number = math.nan
    if not 0 <= number <= _ONE:
        raise UserError(f"{where}: {name} is {cell!r}, expected a number from 0 to 1: {AGAIN}")
    return number
