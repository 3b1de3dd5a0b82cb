"""An instruction for the way, as a navigator would say it -> the command that it asks for.

L2D tells each window of 30 s what lies ahead, with several manoeuvres in one sentence and in any
place of it: "Drive straight up to the yield sign and take first exit from the roundabout". Each
manoeuvre of the sentence is read; distances, lights, rights of way and places are dropped.

    turn, bear, exit         left and right as said; an exit of a roundabout by its number, where
                             traffic is on the right: first right, second straight, third left
    change lanes, merge      as said
    straight, roundabout     "Go straight", but not where it only leads up to something
    follow the road          "Follow the lane"

One manoeuvre, or one beside straight driving, is likely: it happens somewhere in the window. Where
several differ nothing says which is next: "Follow the lane" is then ambiguous. No manoeuvre is
unknown.
"""

from __future__ import annotations

import re

from avvla.labels.instruction import AMBIGUOUS, LIKELY, NEUTRAL, Instruction, unknown
from avvla.labels.taxonomy import command

NO_MANOEUVRE = "no known manoeuvre"

_EXITS = {"first": "Turn right", "1st": "Turn right", "second": "Go straight",
          "2nd": "Go straight", "third": "Turn left", "3rd": "Turn left"}  # fmt: skip
_NUMBER = "|".join(_EXITS)
_STRAIGHT = command("Go straight")

# The more particular first: what one has matched, no later one sees.
_RULES = (
    # Who comes from where, and what others do, is no way to go.
    (r"right[ -]before[ -]left|right[ -]of[ -]way|(?:traffic|vehicles?|cars?) (?:\w+ )?from the"
     r" (?:left|right)|(?:on|to) (?:the|your) (?:left|right)[ -]hand side", ""),
    (rf"\b(?P<exit>{_NUMBER})\W+exit\b", "exit"),
    (r"\b(?:chang|switch|mov)\w*\s+(?:in)?(?:to\s+)?(?:the\s+|your\s+)?(?P<side>left|right)"
     r"(?:most)?[ -]lanes?", "Change lane {side}"),
    (r"\bchang\w*\s+lanes?\s+to\s+(?:the\s+|your\s+)?(?P<side>left|right)", "Change lane {side}"),
    (r"\b(?:turn|bear)\w*\s+(?:slight(?:ly)?\s+|sharp(?:ly)?\s+|to\s+(?:the\s+|your\s+))?"
     r"(?P<side>left|right)\b", "Turn {side}"),
    (r"\b(?:go|drive|head)\s+(?:to\s+the\s+)?(?P<side>left|right)\b", "Turn {side}"),
    (r"\b(?P<side>left|right)[ -]hand\s+turn\b|\b(?P<other>left|right)[ -]turn\b", "Turn {side}"),
    (r"\b(?:make|take)\s+(?:a|the|next|the\s+next)\s+(?P<side>left|right)\b", "Turn {side}"),
    (r"\b(?:merg\w+|(?:take|use)\s+(?:the\s+)?(?:next\s+)?(?:exit|ramp|slip\s+road))\b", "Merge"),
    (r"\bstraight\s+(?:up\s+)?(?:to|till|until)\b", ""),
    (r"\b(?:through|across|over|straight\s+(?:on|ahead)?\s*at)\s+(?:the\s+|a\s+)?(?:\w+\s+)?"
     r"(?:roundabout|intersection|junction|crossroads?)\b|\bstraight\b", "Go straight"),
    (r"\b(?:follow|continue\s+(?:on|along)|stay\s+(?:on|in)|keep\s+(?:on|to|in))\s+(?:the\s+|your\s+)?"
     r"(?:(?:main|left|right)\s+)?(?:road|street|lane|course)\b", "Follow the lane"),
)  # fmt: skip
_PATTERNS = tuple((re.compile(pattern, re.IGNORECASE), name) for pattern, name in _RULES)


def direct(text: str) -> Instruction:
    """The instruction of a sentence: one of the taxonomy's commands, or unknown with the reason."""
    # A lone surrogate could be written to no file.
    text = " ".join(text.encode("utf-8", "replace").decode().split())
    named = {command(name) for name in _manoeuvres(text)}
    if not named:
        return unknown(NO_MANOEUVRE, text)
    # To drive straight, or along the road, is what happens before and after any other manoeuvre.
    for lesser in (NEUTRAL, _STRAIGHT):
        if len(named) > 1:
            named.discard(lesser)
    if len(named) > 1:
        return Instruction(NEUTRAL, AMBIGUOUS, text=text)
    return Instruction(named.pop(), LIKELY, text=text)


def _manoeuvres(text: str) -> list[str]:
    """The commands that a sentence names, those of one rule after those of the other."""
    found = []
    for pattern, name in _PATTERNS:
        for match in pattern.finditer(text):
            groups = {key: value.lower() for key, value in match.groupdict().items() if value}
            if "exit" in groups:
                found.append(_EXITS[groups["exit"]])
            elif name:
                found.append(name.format(side=groups.get("side", groups.get("other"))))
        text = pattern.sub(" | ", text)
    return found
