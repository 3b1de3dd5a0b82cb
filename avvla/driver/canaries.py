"""Planners that see nothing: they show that a deployment works, before a policy is blamed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from avvla.actions.unicycle import rollout
from avvla.driver.pursuit import pursued
from avvla.driver.scene import STEPS, Scene, Way

GENTLE = -2.0
"""Braking where nothing can be planned from [m/s^2]."""


def steady(scene: Scene, reason: str) -> Way:
    """Straight on at the present speed."""
    return Way(rollout(scene.speed_mps, np.zeros((STEPS, 2)))[:, :3], reason)


def halting(scene: Scene, reason: str) -> Way:
    """Straight on, braking gently to a standstill."""
    speed = np.maximum(scene.speed_mps + GENTLE * 0.1 * np.arange(STEPS + 1), 0.0)
    action = np.zeros((STEPS, 2))
    action[:, 0] = np.diff(speed) / 0.1
    return Way(rollout(speed[0], action)[:, :3], reason)


class ConstantVelocity:
    """Straight on at the present speed."""

    sees = False

    def plan(self, scenes: Sequence[Scene]) -> list[Way]:
        """A way for each scene."""
        return [steady(scene, "constant velocity") for scene in scenes]


class RouteFollower:
    """Along the route; constant velocity while there is none.

    Args:
        cruise_mps: where the route does not bend.
    """

    sees = False

    def __init__(self, cruise_mps: float) -> None:
        self._cruise_mps = cruise_mps

    def plan(self, scenes: Sequence[Scene]) -> list[Way]:
        """A way for each scene."""
        return [self._one(scene) for scene in scenes]

    def _one(self, scene: Scene) -> Way:
        path = None
        if scene.route is not None:
            path = pursued(scene.route, scene.speed_mps, self._cruise_mps)
        if path is None:
            return steady(scene, "constant velocity: no route yet")
        return Way(path, "along the route")


class Replay:
    """As it was recorded; constant velocity while no recording was sent."""

    sees = False

    def plan(self, scenes: Sequence[Scene]) -> list[Way]:
        """A way for each scene."""
        return [
            steady(scene, "constant velocity: no recorded ground truth")
            if scene.truth is None
            else Way(scene.truth, "as recorded")
            for scene in scenes
        ]
