"""The trained Field Agent as a planner: one batch for all sessions that can be planned from."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from avvla.driver.canaries import halting, steady
from avvla.driver.scene import Scene, Way
from avvla.policy.interface import Observation, Policy


class FieldAgent:
    """A policy, and what is driven before it has its context and when it cannot see.

    Args:
        policy: plans for batches; its plans go out as they are.
    """

    sees = True

    def __init__(self, policy: Policy) -> None:
        self._policy = policy

    def plan(self, scenes: Sequence[Scene]) -> list[Way]:
        """A way for each scene."""
        ways = {place: way for place, scene in enumerate(scenes) if (way := _without(scene))}
        left = [place for place in range(len(scenes)) if place not in ways]
        if left:
            planned = self._policy.plan(_together([scenes[place] for place in left]))
            for place, path in zip(left, planned.trajectory[..., :3], strict=True):
                ways[place] = Way(path, "planned")
        return [ways[place] for place in range(len(scenes))]


def _without(scene: Scene) -> Way | None:
    """The way where the policy is not asked."""
    if scene.heading_change_rad is None:
        return steady(scene, "constant velocity: less than 1.5 s of egomotion")
    if scene.picture is None:
        return halting(scene, f"braking: {scene.fault}")
    return None


def _together(scenes: Sequence[Scene]) -> Observation:
    return Observation(
        image=np.stack([scene.picture for scene in scenes if scene.picture is not None]),
        speed_mps=np.array([scene.speed_mps for scene in scenes]),
        heading_change_rad=np.array([scene.heading_change_rad for scene in scenes], np.float64),
        command=tuple(scene.command for scene in scenes),
    )
