"""The commands that the Field Agent knows, in the terms of the Chain-of-Causation taxonomy.

The decisions are those of Alpamayo-R1 (arXiv 2511.00088, Table 1): a command is at most one
longitudinal and one lateral decision, and a direction where the lateral one has sides. The text is
what the language model reads in training and in the vehicle: exactly these, no synonyms.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass

from avvla.errors import UserError

NONE = "none"
LONGITUDINAL = (
    NONE,
    "set speed tracking",
    "lead obstacle following",
    "speed adaptation",
    "gap-searching",
    "acceleration for passing",
    "yield",
    "stop for static constraints",
)
LATERAL = (
    NONE,
    "lane keeping",
    "merge / split",
    "out-of-lane nudge",
    "in-lane nudge",
    "lane change",
    "turn",
    "pull-over",
    "abort",
)
DIRECTIONS = (NONE, "left", "right", "straight")


@dataclass(frozen=True)
class Command:
    """A text and its decisions: one of `LONGITUDINAL`, of `LATERAL`, of `DIRECTIONS`."""

    text: str
    decision_longitudinal: str
    decision_lateral: str
    direction: str


TAXONOMY = (
    Command("Follow the lane", NONE, "lane keeping", NONE),
    Command("Change lane left", NONE, "lane change", "left"),
    Command("Change lane right", NONE, "lane change", "right"),
    Command("Turn left", NONE, "turn", "left"),
    Command("Turn right", NONE, "turn", "right"),
    Command("Go straight", NONE, "lane keeping", "straight"),
    Command("Slow down", "speed adaptation", NONE, NONE),
    Command("Stop", "stop for static constraints", NONE, NONE),
    Command("Speed up", "set speed tracking", NONE, NONE),
    Command("Follow the vehicle ahead", "lead obstacle following", NONE, NONE),
    Command("Adjust speed for a gap", "gap-searching", NONE, NONE),
    Command("Speed up to overtake", "acceleration for passing", NONE, NONE),
    Command("Yield", "yield", NONE, NONE),
    Command("Nudge left", NONE, "in-lane nudge", "left"),
    Command("Nudge right", NONE, "in-lane nudge", "right"),
    Command("Go around on the left", NONE, "out-of-lane nudge", "left"),
    Command("Go around on the right", NONE, "out-of-lane nudge", "right"),
    Command("Merge", NONE, "merge / split", NONE),
    Command("Pull over", NONE, "pull-over", NONE),
    Command("Abort the lane change", NONE, "abort", NONE),
)
COMMANDS = tuple(entry.text for entry in TAXONOMY)

_BY_TEXT = dict(zip(COMMANDS, TAXONOMY, strict=True))


def command(text: str) -> Command:
    """The command with exactly this text.

    Raises:
        UserError: there is none; names the nearest.
    """
    if text in _BY_TEXT:
        return _BY_TEXT[text]
    folded = {known.lower(): known for known in COMMANDS}
    near = difflib.get_close_matches(text.lower(), folded, n=1, cutoff=0.5)
    hint = f"did you mean {folded[near[0]]!r}?" if near else f"known are {', '.join(COMMANDS)}"
    raise UserError(f"unknown command {text!r}; {hint}")
