"""What a source of labels says about one t0: a command, how sure, and why.

The confidence is one of four classes. A class below `LIKELY` never carries a command that asks for
a manoeuvre: it is "Follow the lane".
"""

from __future__ import annotations

from dataclasses import dataclass

from avvla.labels.taxonomy import Command, command

CERTAIN, LIKELY, AMBIGUOUS, UNKNOWN = 1.0, 0.75, 0.5, 0.0
CLASSES = {"certain": CERTAIN, "likely": LIKELY, "ambiguous": AMBIGUOUS, "unknown": UNKNOWN}
NEUTRAL = command("Follow the lane")


@dataclass(frozen=True)
class Instruction:
    """A command, with the object and the cause that its text names ("" where none is told)."""

    command: Command
    confidence: float = CERTAIN
    object: str = ""
    cause: str = ""
    text: str = ""
    """The sentence that the command was read from."""
    reason: str = ""
    """Why the confidence is UNKNOWN, "" otherwise."""


def unknown(reason: str, text: str = "") -> Instruction:
    """No command can be told: follow the lane, with confidence UNKNOWN."""
    return Instruction(NEUTRAL, UNKNOWN, text=text, reason=reason)
