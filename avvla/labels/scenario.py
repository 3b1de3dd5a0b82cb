"""Commands recorded with a clip: events that say from when which command holds, and why.

An event is (time [us], text), the text "<Command> because <reason>." or "<Command>." with a command
of `avvla.labels.taxonomy`. The command in force at t0 is that of the last event at or before t0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from avvla.errors import UserError
from avvla.labels.taxonomy import Command, command

BECAUSE = " because "

# What a cause can name, the more particular first; the first that occurs is the object.
OBJECTS = (
    "vehicle ahead",
    "lead vehicle",
    "traffic light",
    "stop sign",
    "stop line",
    "pedestrian",
    "cyclist",
    "crosswalk",
    "route",
    "lane",
    "vehicle",
)


@dataclass(frozen=True)
class Instruction:
    """A command with its cause and the object that the cause names ("" where none is told)."""

    command: Command
    object: str
    cause: str


def parse(text: str) -> Instruction:
    """Read the text of an event: the command in front, the cause behind "because".

    Raises:
        UserError: the leading words are no command.
    """
    leading, _, cause = text.strip().removesuffix(".").partition(BECAUSE)
    named = [name for name in OBJECTS if name in cause.lower()]
    return Instruction(command(leading), named[0] if named else "", cause.strip())


def instructions(
    clip_id: str, events: Sequence[tuple[int, str]], t0_us: NDArray[np.int64]
) -> list[Instruction]:
    """The instruction in force at each t0 (K,) of a clip.

    Args:
        clip_id: named in errors.
        events: (time [us], text) in any order.
        t0_us: (K,) times [us].

    Raises:
        UserError: an event's text has no known command, or a t0 lies before the first event.
    """
    ordered = sorted(events)
    try:
        parsed = [parse(text) for _, text in ordered]
    except UserError as error:
        raise UserError(f"clip {clip_id}: {error}") from None
    times_us = np.array([time_us for time_us, _ in ordered], np.int64)
    latest = np.searchsorted(times_us, t0_us, side="right") - 1
    if (latest < 0).any():
        first = f"the first event is at {times_us[0]} us" if len(ordered) else "it has no events"
        raise UserError(
            f"clip {clip_id} has no command at {t0_us[latest < 0][0]} us: {first};"
            " use label.source kinematic or fixed"
        )
    return [parsed[i] for i in latest]
