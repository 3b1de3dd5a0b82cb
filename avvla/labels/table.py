"""The label table: one row for each t0 of a clip, from any source of commands."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from avvla.labels.kinematic import consistent, label_windows, motion
from avvla.labels.scenario import Instruction, instructions
from avvla.labels.taxonomy import command

if TYPE_CHECKING:
    from avvla.config import Label


def label_rows(
    label: Label,
    clip_id: str,
    t0_us: NDArray[np.int64],
    xy: NDArray[np.float64],
    yaw: NDArray[np.float64],
    speed: NDArray[np.float64],
    events: Sequence[tuple[int, str]] = (),
) -> pd.DataFrame:
    """Label the windows of one clip.

    Args:
        label: the source of the commands, and the command of the source `fixed`.
        clip_id: the clip.
        t0_us: (K,) times [us].
        xy: (K, 80, 2) positions [m], any frame; sample 15 is t0.
        yaw: (K, 80) headings [rad].
        speed: (K, 80) speeds [m/s].
        events: (time [us], text) recorded with the clip, for the source `scenario`.

    Returns:
        K rows sorted by t0_us with clip_id, t0_us, command, decision_longitudinal,
        decision_lateral, direction, object, cause, source, confidence, consistent.

    Raises:
        UserError: unknown command, or no event at or before a t0.
    """
    confidence: NDArray[np.float64] = np.ones(len(t0_us))
    if label.source == "scenario":
        told = instructions(clip_id, events, t0_us)
    elif label.source == "kinematic":
        texts, confidence = label_windows(xy, yaw, speed)
        told = [Instruction(command(str(text)), "", "") for text in texts]
    else:
        told = [Instruction(command(label.command), "", "")] * len(t0_us)
    commands = np.array([one.command.text for one in told], np.str_)
    rows = pd.DataFrame(
        {
            "clip_id": [clip_id] * len(told),
            "t0_us": np.asarray(t0_us, np.int64),
            "command": commands,
            "decision_longitudinal": [one.command.decision_longitudinal for one in told],
            "decision_lateral": [one.command.decision_lateral for one in told],
            "direction": [one.command.direction for one in told],
            "object": [one.object for one in told],
            "cause": [one.cause for one in told],
            "source": [label.source] * len(told),
            "confidence": confidence,
            "consistent": consistent(commands, motion(xy, yaw, speed)),
        }
    )
    return rows.sort_values("t0_us", ignore_index=True)
