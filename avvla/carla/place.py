"""CARLA as a place for the agent's loop."""

from __future__ import annotations

import numpy as np
import shapely
from numpy.typing import NDArray

from avvla.agent.commander import Situation
from avvla.agent.motion import Action, State, Surroundings
from avvla.agent.place import drivable
from avvla.agent.senses import Seen
from avvla.carla.world import CarlaWorld
from avvla.physical_ai.camera import Crop, square_crop


class CarlaPlace:
    """One trip, seen through the policy's crop.

    Args:
        world: reset to a trip.
        crop: what the policy sees of the camera.
        image_size: side of its square picture [px].
        road: where can be driven, as `roads_of` found it.
        goal: where to go, in words, for a Commander.
    """

    def __init__(
        self, world: CarlaWorld, crop: Crop, image_size: int, road: shapely.Geometry, goal: str = ""
    ) -> None:
        self.world, self._goal = world, goal
        self._crop, self._size, self._road = crop, image_size, road
        self._frame: NDArray[np.uint8] | None = None

    @property
    def over(self) -> bool:
        """Whether the car has hit something, left the road or come to its end."""
        metrics = self.world.metrics()
        return metrics.collided or metrics.off_road or metrics.finished

    def look(self, now_s: float) -> Seen:
        """The front camera's crop and the measured motion."""
        view = self.world.observe()
        self._frame = view.frame
        picture = square_crop(view.frame, self.world.camera, self._crop, self._size)
        return Seen(now_s, picture, view.speed_mps, view.heading_change_rad)

    def state(self) -> State:
        """In the world's frame, mirrored to our axes."""
        tick = self.world.tick
        return State(tick.x, tick.y, tick.yaw, max(tick.speed, 0.0))

    def around(self) -> Surroundings:
        """The other vehicles, the pedestrians and the lanes."""
        return Surroundings(self.world.tick.others, self._road)

    def situation(self, recent: tuple[str, ...]) -> Situation:
        """With the last frame that was looked at, and the route with its command."""
        return Situation(
            image=self._frame,
            speed_mps=self.world.tick.speed,
            heading_change_rad=self.world.heading_change,
            recent=recent,
            given=self.world.command,
            route=self.world.route_ahead,
            goal=self._goal,
        )

    def step(self, action: Action) -> None:
        """Drive an action for a tick."""
        self.world.step(action.acceleration, action.curvature)


def roads_of(world: CarlaWorld) -> shapely.Geometry:
    """Where a car can be driven in the world's town, prepared for many questions."""
    return drivable(world.road_map)
