"""The label table: one row for each t0 of a clip, from any source of commands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from avvla.labels.alpamayo import written
from avvla.labels.coc import UNKNOWN_SENTENCE
from avvla.labels.directions import NO_MANOEUVRE
from avvla.labels.events import Events, directed, explained, told
from avvla.labels.instruction import CLASSES, Instruction
from avvla.labels.kinematic import consistent, label_windows, motion
from avvla.labels.taxonomy import command

if TYPE_CHECKING:
    from avvla.config import Label

FROM_EVENTS = ("scenario", "ood_reasoning", "instruction")
"""Sources that need the events recorded with a clip."""
SUMMARISED = ("command", "confidence", "consistent", "reason", "text")
"""Columns that `summary` reads."""
EXAMPLES = 5


def label_rows(
    label: Label,
    clip_id: str,
    t0_us: NDArray[np.int64],
    xy: NDArray[np.float64],
    yaw: NDArray[np.float64],
    speed: NDArray[np.float64],
    events: Events = (),
) -> pd.DataFrame:
    """Label the windows of one clip.

    Args:
        label: the source of the commands, and the command of the source `fixed`.
        clip_id: the clip.
        t0_us: (K,) times [us].
        xy: (K, 80, 2) positions [m], any frame; sample 15 is t0.
        yaw: (K, 80) headings [rad].
        speed: (K, 80) speeds [m/s].
        events: (time [us], text) recorded with the clip, for the sources FROM_EVENTS; texts by t0
            for `alpamayo`.

    Returns:
        K rows sorted by t0_us with clip_id, t0_us, command, decision_longitudinal,
        decision_lateral, direction, object, cause, text, source, confidence, reason, consistent.

    Raises:
        UserError: unknown command, or for `scenario` no event at or before a t0.
    """
    does = motion(xy, yaw, speed)
    if label.source == "scenario":
        rows = told(clip_id, events, t0_us)
    elif label.source == "ood_reasoning":
        rows = explained(events, t0_us)
    elif label.source == "instruction":
        rows = directed(events, t0_us)
    elif label.source == "alpamayo":
        rows = written(events, t0_us)
    elif label.source == "kinematic":
        rows = label_windows(does)
    else:
        rows = [Instruction(command(label.command))] * len(t0_us)
    table = pd.DataFrame(
        {
            "clip_id": [clip_id] * len(rows),
            "t0_us": np.asarray(t0_us, np.int64),
            "command": [one.command.text for one in rows],
            "decision_longitudinal": [one.command.decision_longitudinal for one in rows],
            "decision_lateral": [one.command.decision_lateral for one in rows],
            "direction": [one.command.direction for one in rows],
            "object": [one.object for one in rows],
            "cause": [one.cause for one in rows],
            "text": [one.text for one in rows],
            "source": [label.source] * len(rows),
            "confidence": np.array([one.confidence for one in rows], np.float64),
            "reason": [one.reason for one in rows],
            "consistent": consistent([one.command for one in rows], does),
        }
    )
    return table.sort_values("t0_us", ignore_index=True)


def summary(table: pd.DataFrame) -> dict[str, Any]:
    """Figures of label rows with the columns SUMMARISED.

    Counts of rows by command, by class of confidence, of those that the motion contradicts, and by
    the reason of those without a command. Of the sentences that are no command: how many there are
    and the EXAMPLES most frequent, each with its rows.
    """
    unread = table["text"][table["reason"].isin((*UNKNOWN_SENTENCE, NO_MANOEUVRE))]
    # By frequency, equals by text, so that the examples do not depend on the order of the rows.
    sentences = sorted(_counts(unread).items(), key=lambda item: (-item[1], item[0]))
    return {
        "n": len(table),
        "commands": _counts(table["command"]),
        "confidence": {
            name: int((table["confidence"] == value).sum()) for name, value in CLASSES.items()
        },
        "inconsistent": int((~table["consistent"]).sum()),
        "no_command": _counts(table["reason"][table["reason"] != ""]),
        "unknown_sentences": {
            "different": len(sentences),
            "rows": len(unread),
            "examples": dict(sentences[:EXAMPLES]),
        },
    }


def _counts(column: pd.Series) -> dict[str, int]:
    return {str(value): int(n) for value, n in column.value_counts().items()}
