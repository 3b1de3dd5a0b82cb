"""Chain-of-Causation text -> the command that it decides for.

A text begins with the decision verb and links the cause (Alpamayo-R1, arXiv 2511.00088, Table 1):

    <verb> [<side>] [<linker> <cause>]        Nudge left to clear the cones on the right.

The command is that of the leading verb. Its side is read from the verb's clause only, because
causes name sides too: right behind the verb, or as "to the left". Object and cause are read from
the rest. Commands of `avvla.labels.taxonomy` are themselves such texts. A text that begins with no
verb, or lacks the side that its verb needs, is "Follow the lane" with confidence 0; no text is an
error.
"""

from __future__ import annotations

import re

from avvla.labels.instruction import Instruction, unknown
from avvla.labels.taxonomy import command

NO_VERB = "no known verb"
NO_SIDE = "no side"
UNKNOWN_SENTENCE = (NO_VERB, NO_SIDE)

_QUOTES = "\"'\u2018\u2019\u201c\u201d"
_SIDE = "{side}"
_NUDGE, _GO_AROUND = f"Nudge {_SIDE}", f"Go around on the {_SIDE}"

# Leading verbs with their command, the more particular first. They are those of the paper's
# decisions, of NVIDIA's auto-labeller's prompt, of published samples and of the taxonomy.
_VERBS = (
    (r"abort|cancel (?:the )?lane[ -]change", "Abort the lane change"),
    (r"pull[ -]over|pull to the (?:side|curb|kerb|shoulder)", "Pull over"),
    (r"out[ -]of[ -]lane nudge|go around", _GO_AROUND),
    (r"(?:in[ -]lane )?nudge", _NUDGE),
    (
        r"(?:(?:make|perform|do) an? )?(?:(?P<lane>left|right) )?lane[ -]change|change[ -]lanes?"
        r"|(?:change|switch|move)(?= (?:in)?to the (?:left|right) lane)",
        f"Change lane {_SIDE}",
    ),
    (r"turn|(?:(?:make|take) a )?(?P<turn>left|right)[ -]turn", f"Turn {_SIDE}"),
    (r"(?:go|keep|drive|continue|proceed) straight", "Go straight"),
    (r"merge|split|take the (?:\w+ )?(?:exit|ramp)", "Merge"),
    (
        r"overtake|pass(?:/overtake)?|(?:accelerate|speed up) to (?:overtake|pass)"
        r"|acceleration for passing",
        "Speed up to overtake",
    ),
    (
        r"gap[ -]search(?:ing)?|search for a gap"
        r"|(?:adjust|adapt) (?:the )?speed (?:for|to find) a gap",
        "Adjust speed for a gap",
    ),
    (r"yield|give way", "Yield"),
    (r"stop|(?:remain|stay) stopped|come to a (?:complete |full )?stop", "Stop"),
    (
        r"slow(?: down)?|decelerate|brake|speed adaptation"
        r"|(?:adapt|adjust|reduce) (?:the |your )?speed",
        "Slow down",
    ),
    (
        r"(?:keep|maintain) (?:a |the |your )?(?:safe )?(?:following )?(?:distance|gap)"
        r"|lead obstacle following"
        r"|follow(?= (?:the|an?) (?:\w+ )?(?:vehicle|car|truck|bus|van|cyclist|motorcyclist)\b)",
        "Follow the vehicle ahead",
    ),
    (
        r"(?:keep|maintain|follow) (?:the |your )?(?:current )?(?:lane|speed)|lane keeping"
        r"|set speed tracking|maintain",
        "Follow the lane",
    ),
    (r"speed up|accelerate|resume(?: speed)?", "Speed up"),
)
_RULES = tuple((re.compile(rf"(?:{verb})(?!\w)", re.IGNORECASE), name) for verb, name in _VERBS)

_TOWARDS = r"(?:in|on)?to (?:the |your )?|towards? (?:the |your )?"
_SIDE_FOLLOWS = r" (?:the |your )?(?:left|right)\b"
_BEHIND_VERB = re.compile(
    rf"(?:[ -](?:lanes?|slightly|gently|out of the lane|over the line))*"
    rf"[ -](?:{_TOWARDS}|on the )?(?P<side>left|right)\b(?: lane\b)?",
    re.IGNORECASE,
)
_IN_CLAUSE = re.compile(rf"\b(?:{_TOWARDS})(?P<side>left|right)\b", re.IGNORECASE)
_LEAVES_LANE = re.compile(
    r"\b(?:over the (?:\w+ )?line|out of (?:the|its|your) lane"
    r"|into the (?:adjacent|opposite|oncoming) lane)\b",
    re.IGNORECASE,
)
_CLAUSE_END = re.compile(
    r"\b(?:because|since|due to|as|so|for|from|and|then|while|when|until"
    rf"|to(?!{_SIDE_FOLLOWS}))\b|[.,:;\u2013\u2014]| - ",
    re.IGNORECASE,
)
# A reason goes before a purpose: "Keep distance to the truck because it brakes".
_LINKERS = tuple(
    re.compile(linker, re.IGNORECASE)
    for linker in (
        r"\b(?:because(?: of)?|since|due to|as(?= (?:the|an?|it|there)\b))\b",
        r"[:;\u2013\u2014]| - ",
        rf"\b(?:to(?!{_SIDE_FOLLOWS})|for)\b",
    )
)

# What a text can be about. The first that is named is the object; where two begin at one place,
# the one that stands first here.
_OBJECTS = {
    "lead vehicle": r"lead(?:ing)? (?:vehicle|car|truck|bus|van)s?",
    "vehicle ahead": r"(?:vehicle|car|truck|bus|van) ahead",
    "parked vehicle": r"parked (?:\w+ )?(?:vehicle|car|truck|bus|van|trailer)s?",
    "traffic light": r"(?:red |green |yellow )?(?:traffic )?(?:light|signal)s?",
    "stop sign": r"stop signs?",
    "stop line": r"stop lines?",
    "pedestrian": r"pedestrians?",
    "cyclist": r"(?:bi)?cyclists?",
    "motorcyclist": r"motorcyclists?",
    "crosswalk": r"crosswalks?",
    "speed bump": r"(?:speed )?bumps?",
    "cone": r"(?:construction |traffic )?cones?",
    "curve": r"curves?|bends?",
    "roundabout": r"roundabouts?",
    "intersection": r"intersections?|junctions?",
    "gap": r"gaps?",
    "route": r"routes?",
    "lane": r"lanes?",
    "vehicle": r"(?:vehicle|car|truck|bus|van|trailer|traffic)s?",
}
_OBJECT = re.compile(
    rf"\b(?:{'|'.join(f'({pattern})' for pattern in _OBJECTS.values())})\b", re.IGNORECASE
)


def parse(text: str) -> Instruction:
    """The instruction of a text: one of the taxonomy's commands, or unknown with the reason."""
    # A lone surrogate, which JSON can spell, could be written to no file.
    text = " ".join(text.encode("utf-8", "replace").decode().split())
    sentence = text.strip(" .*" + _QUOTES)
    for verb, name in _RULES:
        if match := verb.match(sentence):
            return _decided(name, match, sentence[match.end() :], text)
    return unknown(NO_VERB, text)


def _decided(name: str, verb: re.Match[str], rest: str, text: str) -> Instruction:
    """The instruction of a verb that stands before `rest`."""
    if _SIDE in name:
        end = _CLAUSE_END.search(rest)
        clause = rest[: end.start()] if end else rest
        behind = _BEHIND_VERB.match(clause)
        if name == _NUDGE and _LEAVES_LANE.search(clause):
            name = _GO_AROUND
        sides = {value.lower() for value in verb.groupdict().values() if value}
        if not sides and behind:
            sides, rest = {behind["side"].lower()}, rest[behind.end() :]
        if not sides:
            sides = {found["side"].lower() for found in _IN_CLAUSE.finditer(clause)}
        if len(sides) != 1:
            return unknown(NO_SIDE, text)
        name = name.replace(_SIDE, sides.pop())
    return Instruction(command(name), object=_object(rest), cause=_cause(rest), text=text)


def _object(rest: str) -> str:
    found = _OBJECT.search(rest)
    return list(_OBJECTS)[found.lastindex - 1] if found and found.lastindex else ""


def _cause(rest: str) -> str:
    for linker in _LINKERS:
        if found := linker.search(rest):
            return rest[found.end() :].strip(" .")
    return ""
