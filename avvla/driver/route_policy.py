"""The route follower as a policy: for a loop that drives in one place."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from avvla.actions.unicycle import DT_S, rollout
from avvla.agent.commander import Situation
from avvla.driver.canaries import RouteFollower
from avvla.driver.scene import Scene
from avvla.policy.interface import Observation, Plan

Array = NDArray[np.float64]

CRUISE_MPS = 8.0
SHORTEST_M = 1e-3
"""A step that goes less far has no curvature."""


class Routed(Protocol):
    """A place that knows its route."""

    def situation(self, recent: tuple[str, ...]) -> Situation:
        """With the route ahead."""
        ...


class RoutePolicy:
    """Follows the route of its place, seeing nothing.

    Args:
        place: whose route it is.
    """

    def __init__(self, place: Callable[[], Routed]) -> None:
        self._place, self._planner = place, RouteFollower(CRUISE_MPS)

    def plan(self, observation: Observation) -> Plan:
        """Along the route; one vehicle at a time."""
        speed = float(observation.speed_mps[0])
        route = self._place().situation(()).route
        (way,) = self._planner.plan([Scene(speed, None, route)])
        action = actions_along(way.path, speed)[None]
        return Plan(action, rollout(np.array([speed]), action))


def actions_along(path: Array, speed_mps: float) -> Array:
    """(T, 2) accelerations [m/s^2] and curvatures [1/m] that drive a path (T, 3) x, y, yaw.

    The unicycle goes a step with the speed that it has, so the i-th way gives the speed before the
    i-th step and the acceleration of the one before it.
    """
    way = np.concatenate([[[0.0, 0.0, 0.0]], path])
    far = np.linalg.norm(np.diff(way[:, :2], axis=0), axis=1)
    speed = np.append(far / DT_S, far[-1] / DT_S)
    speed[0] = speed_mps
    turned = np.diff(np.unwrap(way[:, 2]))
    curvature = np.divide(turned, far, out=np.zeros_like(far), where=far > SHORTEST_M)
    return np.stack([np.diff(speed) / DT_S, curvature], -1)
