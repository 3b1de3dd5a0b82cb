"""What a planner is shown at a `drive`, and what it answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from avvla.actions.unicycle import HORIZON

Array = NDArray[np.float64]

STEPS, STEP_US = HORIZON, 100_000


@dataclass(frozen=True)
class Scene:
    """The present of one session; frame: the rig now."""

    speed_mps: float
    heading_change_rad: float | None
    """Over the last 1.5 s; None while less is known."""
    route: Array | None = None
    """(N, 2) waypoints; NaN where the route has run out. None: none was sent."""
    truth: Array | None = None
    """(STEPS, 3) x, y, yaw of the recording after each step. None: none was sent."""
    picture: NDArray[np.uint8] | None = None
    """(S, S, 3) RGB, the policy's crop of the front camera; None: none to plan from."""
    fault: str = ""
    """What is wrong with the senses."""
    command: str = ""
    """What the route asks for."""


@dataclass(frozen=True)
class Way:
    """Where to go: (STEPS, 3) x, y [m], yaw [rad] after each step of 0.1 s, in the rig now."""

    path: Array
    reason: str
    """Why so, in a few words, for the evaluator's overlay and the log."""


class Planner(Protocol):
    """Plans for many sessions at once."""

    @property
    def sees(self) -> bool:
        """Whether it needs the front camera."""
        ...

    def plan(self, scenes: Sequence[Scene]) -> list[Way]:
        """A way for each scene. Called from one thread at a time."""
        ...
