"""The verdicts of a review sheet, and how far they agree with the labels.

File (CSV, UTF-8), one row a sample: clip_id, t0_us, command, verdict, the verdict one of `yes`,
`no`, `unsure`, or empty where none was given. Agreement is yes / (yes + no). A sheet has as many
samples of a rare command as of a frequent one, so that of all labels weighs every command by its
share of the labels.
"""

from __future__ import annotations

import csv
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from avvla.errors import UserError
from avvla.evaluation.intervals import wilson

COLUMNS = ("clip_id", "t0_us", "command", "verdict")
VERDICTS = ("yes", "no", "unsure")
OPEN = ""


@dataclass(frozen=True)
class Agreement:
    """The verdicts on one command."""

    command: str
    labels: int
    """How many labels have this command."""
    yes: int
    no: int
    unsure: int
    open: int

    @property
    def judged(self) -> int:
        """Samples that say whether the label is right."""
        return self.yes + self.no

    @property
    def share(self) -> float:
        """Yes / (yes + no); NaN where nothing was judged."""
        return self.yes / self.judged if self.judged else float("nan")


def read_verdicts(path: Path, labels: pd.DataFrame) -> list[tuple[str, str]]:
    """(command, verdict) of each row of a CSV file.

    Args:
        path: the file that a sheet saved.
        labels: the labels that the sheet was made of, with clip_id, t0_us, command.

    Raises:
        UserError: the file is missing or no such table, or a row is no label.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            header, *rows = list(csv.reader(file)) or [[]]
    except FileNotFoundError:
        raise UserError(f"{path} is missing: save the verdicts from the sheet first") from None
    except (OSError, ValueError, csv.Error) as error:
        raise UserError(f"{path} is no table ({error}): save it from the sheet again") from None
    if tuple(header) != COLUMNS:
        raise UserError(
            f"{path} has the columns {', '.join(header) or 'of no table'}, expected"
            f" {', '.join(COLUMNS)}: save it from the sheet again, without a spreadsheet"
        )
    asked = labels[labels["clip_id"].isin({row[0] for row in rows if row})]
    keys = zip(asked["clip_id"], asked["t0_us"].astype(str), strict=True)
    known = dict(zip(keys, asked["command"], strict=True))
    seen: set[tuple[str, str]] = set()
    verdicts = []
    for number, row in enumerate(rows, start=2):
        try:
            verdicts.append(_verdict(row, known, seen))
        except ValueError as error:
            raise UserError(f"{path}, row {number}: {error}") from None
    return verdicts


def agreements(verdicts: list[tuple[str, str]], labels: pd.DataFrame) -> list[Agreement]:
    """The agreement of each command that has a verdict or none yet, by command."""
    counts = Counter(verdicts)
    rows = labels["command"].value_counts()
    return [
        Agreement(text, int(rows[text]), *(counts[text, word] for word in (*VERDICTS, OPEN)))
        for text in sorted({text for text, _ in verdicts})
    ]


def overall(found: list[Agreement]) -> float:
    """Agreement of all labels of the judged commands; NaN where nothing was judged."""
    judged = [one for one in found if one.judged]
    total = sum(one.labels for one in judged)
    return sum(one.share * one.labels for one in judged) / total if judged else float("nan")


def told(found: list[Agreement]) -> str:
    """The figures as a table: a row for each command, and one for all labels."""
    lines = [_line("command", "labels", *VERDICTS, "open", "agreement (95 %)")]
    for one in found:
        share = "none judged"
        if one.judged:
            low, high = wilson(one.share, one.judged)
            share = f"{one.share:.2f} ({low:.2f} to {high:.2f})"
        lines.append(_line(one.command, one.labels, one.yes, one.no, one.unsure, one.open, share))
    sums = (sum(getattr(one, name) for one in found) for name in ("labels", *VERDICTS, "open"))
    share = f"{overall(found):.2f}" if any(one.judged for one in found) else "none judged"
    return "\n".join([*lines, _line("all, by share of labels", *sums, share)])


def _line(command: str, *cells: str | int) -> str:
    *numbers, last = cells
    return f"{command:26}{''.join(f'{number:>8}' for number in numbers)}  {last}"


def _verdict(
    row: list[str], known: dict[tuple[str, str], str], seen: set[tuple[str, str]]
) -> tuple[str, str]:
    """(command, verdict) of a row.

    Raises:
        ValueError: it is no verdict on a label, or the second one.
    """
    if len(row) != len(COLUMNS):
        raise ValueError(f"{len(row)} values, expected {len(COLUMNS)}")
    clip_id, t0_us, text, verdict = row
    if verdict not in (*VERDICTS, OPEN):
        raise ValueError(f"verdict {verdict!r}, expected {', '.join(VERDICTS)} or nothing")
    key = clip_id, t0_us
    if key not in known:
        raise ValueError(
            f"no label of clip {clip_id!r} at {t0_us!r} us: the sheet is of other labels; make one"
            " with `avvla labels review`"
        )
    if known[key] != text:
        raise ValueError(
            f"the sheet asked about {text!r}, but the label is {known[key]!r} now: make a sheet"
            " with `avvla labels review`"
        )
    if key in seen:
        raise ValueError(f"clip {clip_id} at {t0_us} us stands there twice")
    seen.add(key)
    return text, verdict
