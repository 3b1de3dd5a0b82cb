"""Texts recorded with a clip: the event that is in force at t0, and what it asks for.

An event is (time [us], text). In force is the last event at or before t0. Three sources are made of
events, and differ in who reads the text and how far it is believed:

    scenario       the expert was told each text and drove by it: a text that `avvla.labels.coc`
                   reads as no command, or a t0 without one, is an error
    ood_reasoning  texts written about real driving, for few clips, read by `avvla.labels.coc`: what
                   says nothing about a t0 is "Follow the lane" with confidence 0, with the reason
    instruction    what a navigator told about the way ahead, read by `avvla.labels.directions`
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from avvla.errors import UserError
from avvla.labels.coc import parse
from avvla.labels.directions import direct
from avvla.labels.instruction import UNKNOWN, Instruction, unknown
from avvla.labels.taxonomy import COMMANDS

Events = Sequence[tuple[int, str]]

# NVIDIA's auto-labeller explains the 6 s that follow its keyframe (alpamayo-coc-autolabeler): a
# text says nothing about later driving.
EXPLAINED_US = 6_000_000

NOT_ANNOTATED = "clip not annotated"
BEFORE_FIRST = "before the first event"
OVER = "the event is over"


def told(clip_id: str, events: Events, t0_us: NDArray[np.int64]) -> list[Instruction]:
    """What the expert was told at each t0 (K,): the source `scenario`.

    Args:
        clip_id: named in errors.
        events: (time [us], text) in any order.
        t0_us: (K,) times [us].

    Raises:
        UserError: a text begins with no command, or a t0 lies before the first event.
    """
    ordered = sorted(events)
    parsed = [parse(text) for _, text in ordered]
    for one in parsed:
        if one.confidence == UNKNOWN:
            raise UserError(
                f"clip {clip_id}: {one.reason} in the event {one.text!r}, expected one of"
                f" {', '.join(COMMANDS)} in front"
            )
    latest = _in_force(ordered, t0_us)
    if (latest < 0).any():
        first = f"the first event is at {ordered[0][0]} us" if ordered else "it has no events"
        raise UserError(
            f"clip {clip_id} has no command at {t0_us[latest < 0][0]} us: {first};"
            " use label.source kinematic or fixed"
        )
    return [parsed[i] for i in latest]


def explained(events: Events, t0_us: NDArray[np.int64]) -> list[Instruction]:
    """What the texts say about each t0 (K,): the source `ood_reasoning`."""
    ordered = sorted(events)
    return [
        _explained(ordered[i] if i >= 0 else None, int(time_us), bool(ordered))
        for i, time_us in zip(_in_force(ordered, t0_us), t0_us, strict=True)
    ]


def directed(events: Events, t0_us: NDArray[np.int64]) -> list[Instruction]:
    """What the instructions ask for at each t0 (K,): the source `instruction`."""
    ordered = sorted(events)
    parsed = [direct(text) for _, text in ordered]
    return [
        parsed[i] if i >= 0 else unknown(BEFORE_FIRST if ordered else NOT_ANNOTATED)
        for i in _in_force(ordered, t0_us)
    ]


def _explained(event: tuple[int, str] | None, t0_us: int, annotated: bool) -> Instruction:
    if event is None:
        return unknown(BEFORE_FIRST if annotated else NOT_ANNOTATED)
    if t0_us - event[0] > EXPLAINED_US:
        return unknown(OVER)
    return parse(event[1])


def _in_force(ordered: Events, t0_us: NDArray[np.int64]) -> NDArray[np.int64]:
    """Index of the last event at or before each t0 (K,), -1 before the first."""
    times_us = np.array([time_us for time_us, _ in ordered], np.int64)
    latest = np.searchsorted(times_us, t0_us, side="right") - 1
    return np.asarray(latest, np.int64)
