"""The Commander: who tells the Field Agent what to do, once a second or less often.

A Commander is asked for a command in a situation; it may take long, fail or answer nonsense. The
loop never waits for it: `Orders` holds what is in force, which is the last command of the taxonomy
that came, for HOLD_S, and then "Follow the lane".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from avvla.errors import UserError
from avvla.labels.instruction import NEUTRAL
from avvla.labels.taxonomy import command as known_command

FOLLOW = NEUTRAL.text
HOLD_S = 5.0
RECENT = 5
ASIDE_M, AHEAD_M = 2.0, 5.0
"""A waypoint further than AHEAD_M and more than ASIDE_M to a side is a turn (alpasim's rule)."""


@dataclass(frozen=True)
class Situation:
    """What a Commander is asked about."""

    image: NDArray[np.uint8] | None
    """(H, W, 3) RGB of the wide camera; None where there is none yet."""
    speed_mps: float
    heading_change_rad: float
    recent: tuple[str, ...]
    """The last commands in force, the newest last."""
    given: str = ""
    """What the world's own Commander says, where it has one."""
    route: NDArray[np.float64] | None = None
    """(N, 2) waypoints x ahead, y left [m]; NaN where the route has run out."""
    goal: str = ""
    """Where to go, in words."""


class Commander(Protocol):
    """Tells a command."""

    def command(self, situation: Situation) -> str:
        """A text, of the taxonomy if it is to count.

        Raises:
            CommanderError: it has none to tell.
        """
        ...


class CommanderError(Exception):
    """No command came, said in one line."""


@dataclass(frozen=True)
class Fixed:
    """Always the same."""

    text: str = FOLLOW

    def command(self, situation: Situation) -> str:
        """The text."""
        return self.text


class Given:
    """What the world's own Commander says."""

    def command(self, situation: Situation) -> str:
        """The world's command."""
        if not situation.given:
            raise CommanderError("the world has no Commander")
        return situation.given


class Wrong:
    """Always another command than the world's: the adversary of the ablation."""

    def __init__(self, choices: Sequence[str], seed: int) -> None:
        self._choices, self._draw = tuple(choices), np.random.default_rng(seed)

    def command(self, situation: Situation) -> str:
        """One of the choices that the world does not ask for."""
        others = [text for text in self._choices if text != situation.given]
        return others[int(self._draw.integers(len(others)))]


class ByRoute:
    """Turns where the route does."""

    def command(self, situation: Situation) -> str:
        """By the first waypoint that is further than AHEAD_M."""
        if situation.route is None:
            raise CommanderError("there is no route")
        known = situation.route[np.isfinite(situation.route).all(1)]
        far = known[np.linalg.norm(known, axis=1) > AHEAD_M]
        if not len(far):
            raise CommanderError(f"the route has no waypoint beyond {AHEAD_M:g} m")
        aside = float(far[0, 1])
        if abs(aside) <= ASIDE_M:
            return FOLLOW
        return "Turn left" if aside > 0 else "Turn right"


class Orders:
    """The command in force, and those before it."""

    def __init__(self, hold_s: float = HOLD_S) -> None:
        self._hold_s = hold_s
        self._last: tuple[float, str] | None = None
        self.recent: tuple[str, ...] = ()

    def tell(self, now_s: float, text: str) -> str:
        """Take a command; what is none of the taxonomy changes nothing, and its fault is told."""
        try:
            known_command(text)
        except UserError as error:
            return f"Commander: {error}"
        if not self.recent or self.recent[-1] != text:
            self.recent = (*self.recent, text)[-RECENT:]
        self._last = now_s, text
        return ""

    def now(self, now_s: float) -> str:
        """The command in force."""
        if self._last is None or now_s - self._last[0] > self._hold_s:
            return FOLLOW
        return self._last[1]
