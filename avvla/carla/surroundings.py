"""Who and what is around the hero: cars, pedestrians and traffic lights, in our axes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import carla
import numpy as np
from numpy.typing import NDArray

from avvla.carla.axes import yaw_rad

Array = NDArray[np.float64]

LIGHTS = {
    carla.TrafficLightState.Red: 0.0,
    carla.TrafficLightState.Yellow: 1.0,
    carla.TrafficLightState.Green: 2.0,
    carla.TrafficLightState.Off: 3.0,
    carla.TrafficLightState.Unknown: 4.0,
}


@dataclass(frozen=True)
class _Known:
    """What of an actor does not change."""

    kind: str
    actor: Any
    length: float
    width: float
    middle: float
    """From the actor's location ahead to the middle of its box."""


class Neighbours:
    """Remembers what each actor is, so that a tick asks the server about new ones only."""

    def __init__(self, world: Any) -> None:
        self._world, self._known = world, dict[int, _Known]()

    def forget(self) -> None:
        """Begin anew: numbers of actors are used again by no server, but the list would grow."""
        self._known = {}

    def around(self, snapshot: Any, hero: int) -> tuple[Array, NDArray[np.bool_], Array]:
        """(N, 7) others, (N,) which walk, (M, 3) traffic lights; see `exchange.Tick`."""
        rows, walking, lights = [], [], []
        for state in sorted(snapshot, key=lambda one: int(one.id)):
            if state.id == hero:
                continue
            known = self._of(int(state.id))
            pose = state.get_transform()
            if known.kind == "light":
                colour = LIGHTS.get(known.actor.get_state(), 4.0)
                lights.append((pose.location.x, -pose.location.y, colour))
            elif known.kind in ("vehicle", "walker"):
                yaw, velocity = yaw_rad(pose.rotation.yaw), state.get_velocity()
                x = pose.location.x + known.middle * math.cos(yaw)
                y = -pose.location.y + known.middle * math.sin(yaw)
                rows.append((x, y, yaw, known.length, known.width, velocity.x, -velocity.y))
                walking.append(known.kind == "walker")
        return (
            np.array(rows, np.float64).reshape(-1, 7),
            np.array(walking, np.bool_),
            np.array(lights, np.float64).reshape(-1, 3),
        )

    def _of(self, actor_id: int) -> _Known:
        if actor_id not in self._known:
            self._known[actor_id] = _look(self._world.get_actor(actor_id))
        return self._known[actor_id]


def _look(actor: Any) -> _Known:
    name = "" if actor is None else str(actor.type_id)
    kind = name.partition(".")[0]
    if name == "traffic.traffic_light":
        return _Known("light", actor, 0.0, 0.0, 0.0)
    if kind not in ("vehicle", "walker"):
        return _Known("", None, 0.0, 0.0, 0.0)
    box = actor.bounding_box
    return _Known(kind, actor, 2 * box.extent.x, 2 * box.extent.y, box.location.x)
