"""What the figures of an evaluation say, in words: family by family, and in whole sentences.

A family's aim is a share of its roads. The agent `drives` a family when it reaches the aim, drives
it `in part` from half the aim on, and otherwise `fails`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from avvla.evaluation.intervals import wilson
from avvla.evaluation.names import BLIND, CONSTANT_VELOCITY

Word = Literal["drives", "in part", "fails"]


@dataclass(frozen=True)
class Aim:
    """A family's name, what success means, and the share of roads that is aimed at."""

    title: str
    meaning: str
    success: float


AIMS = {
    "lane_keeping": Aim("Lane keeping", "stays in its lane; bends of 67 m radius and more", 0.95),
    "lane_keeping_tight": Aim("Lane keeping, tight", "stays in its lane; bends from 33 m", 0.8),
    "stop": Aim("Stop", "comes to a stand on command, in its lane", 0.9),
    "slow_down": Aim("Slow down", "drives at the slow speed on command, in its lane", 0.9),
    "lane_change": Aim("Lane change", "ends within 0.7 m of the commanded lane's centre", 0.8),
    "turn": Aim("Turn", "leaves a crossroad by the commanded exit, in its lane", 0.5),
    "straight": Aim("Straight on", "crosses a crossroad, in its lane", 0.9),
    "lead": Aim("Lead vehicle", "neither hits the vehicle ahead nor falls far behind it", 0.6),
    "roundabout": Aim("Roundabout", "leaves a roundabout by the commanded exit", 0.5),
    "stopped_obstacle": Aim("Stopped obstacle", "stands behind a stopped vehicle in its lane", 0.8),
    "lead_braking": Aim(
        "Lead braking", "neither hits a vehicle that brakes to a stand nor stays far behind it", 0.8
    ),
    "cut_in": Aim(
        "Cut-in",
        "neither hits a slower vehicle that moves into its lane nor falls far behind it",
        0.8,
    ),
    "merge": Aim("Merge", "changes lane on command before its own ends, among others", 0.5),
}
"""In the order of the report. The shares are this project's own aims."""
SEEING = ("lane_keeping", "lane_keeping_tight")
"""Families that nobody drives without looking: they show whether the picture is used."""
NOT_DRIVEN = (
    "It was not driven in closed loop (evaluate.roads is 0): the embedded world has a camera of its"
    " own, which says nothing about an agent that learnt to see through another."
)
MATTERS = 0.2
ABSENT = "\N{EN DASH}"
GAP = "\N{NO-BREAK SPACE}"


@dataclass(frozen=True)
class Verdict:
    """A family's rates in [0, 1], its interval, and the success blanked and of the canary."""

    family: str
    aim: Aim
    rates: Mapping[str, Any]
    interval: tuple[float, float]
    blind: float
    constant_velocity: float

    @property
    def word(self) -> Word:
        """How the agent does."""
        success = self.rates["success"]
        if success >= self.aim.success:
            return "drives"
        return "in part" if success >= self.aim.success / 2 else "fails"


def judge(closed_loop: Mapping[str, Any]) -> list[Verdict]:
    """The verdict on each family of `closed_loop` of results/evaluate/metrics.json."""
    families = closed_loop["families"]
    return [
        Verdict(
            family=family,
            aim=aim,
            rates=families[family],
            interval=wilson(families[family]["success"], families[family]["n"]),
            blind=closed_loop[BLIND]["families"][family]["success"],
            constant_velocity=closed_loop[CONSTANT_VELOCITY]["families"][family]["success"],
        )
        for family, aim in AIMS.items()
    ]


def headline(verdicts: Sequence[Verdict]) -> str:
    """The one sentence to remember."""
    if not verdicts:
        return "The agent's plans, compared with recordings."
    reached = sum(verdict.word == "drives" for verdict in verdicts)
    if reached == len(verdicts):
        return f"The agent reaches its aim in all {reached} scenario families."
    if reached == 0:
        return f"The agent reaches its aim in none of {len(verdicts)} scenario families."
    return f"The agent reaches its aim in {reached} of {len(verdicts)} scenario families."


def sentences(verdicts: Sequence[Verdict], open_loop: Mapping[str, Any]) -> list[str]:
    """What drives, what does not, whether the picture is used, and how well it plans."""
    if not verdicts:
        return [NOT_DRIVEN, _planning(open_loop)]
    told = []
    for word, begin in (("drives", "Drives"), ("in part", "Drives in part"), ("fails", "Fails")):
        listed = [
            f"{verdict.aim.title.lower()} ({percent(verdict.rates['success'])}"
            + ("" if word == "drives" else f", aim {percent(verdict.aim.success)}")
            + ")"
            for verdict in verdicts
            if verdict.word == word
        ]
        if listed:
            told.append(f"{begin}: {'; '.join(listed)}.")
    return [*told, _picture(verdicts), _planning(open_loop)]


def percent(share: float) -> str:
    """A share as a whole number of hundredths; 100 % and 0 % only where nothing is missing."""
    whole = round(100 * share)
    if whole in (0, 100) and share not in (0.0, 1.0):
        return f">{GAP}99{GAP}%" if whole else f"<{GAP}1{GAP}%"
    return f"{whole}{GAP}%"


def metres(length: float | None) -> str:
    """A length with centimetres; a dash where it is not finite."""
    return ABSENT if length is None else f"{length:.2f}"


def _picture(verdicts: Sequence[Verdict]) -> str:
    keeping = [verdict for verdict in verdicts if verdict.family in SEEING]
    seeing = float(np.mean([verdict.rates["success"] for verdict in keeping]))
    blind = float(np.mean([verdict.blind for verdict in keeping]))
    figures = f"in its lane on {percent(seeing)} of the roads with it, {percent(blind)} without"
    if seeing - blind > MATTERS:
        return f"The camera picture is used in closed loop: {figures}."
    return f"The camera picture makes no clear difference in closed loop: {figures}."


def _planning(open_loop: Mapping[str, Any]) -> str:
    own, canary = open_loop["ade_6.4s"], open_loop[CONSTANT_VELOCITY]["ade_6.4s"]
    return (
        f"On held-out recordings its plans lie {metres(own)} m from the driven path on average "
        f"over 6.4 s; constant velocity lies {metres(canary)} m off."
    )
