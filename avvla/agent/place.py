"""Where a loop drives: what every world offers to a runner, and the embedded world behind it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np
import shapely
from numpy.typing import NDArray

from avvla.agent.commander import Situation
from avvla.agent.motion import Action, State, Surroundings
from avvla.agent.senses import Seen
from avvla.physical_ai.camera import Crop, square_crop
from avvla.world.embedded import EmbeddedWorld
from avvla.world.road_map import RoadMap


class Place(Protocol):
    """One vehicle in one world."""

    @property
    def over(self) -> bool:
        """Whether the drive has ended."""
        ...

    def look(self, now_s: float) -> Seen:
        """An observation."""
        ...

    def state(self) -> State:
        """Pose and speed."""
        ...

    def around(self) -> Surroundings:
        """What is known of obstacles and of the drivable area."""
        ...

    def situation(self, recent: tuple[str, ...]) -> Situation:
        """What a Commander is asked about."""
        ...

    def step(self, action: Action) -> None:
        """Drive an action for a tick."""
        ...


class EmbeddedPlace:
    """The embedded world, seen through the policy's crop.

    Args:
        world: reset to a scenario.
        crop: what the policy sees of the camera.
        image_size: side of its square picture [px].
        goal: where to go, in words, for a Commander.
    """

    def __init__(self, world: EmbeddedWorld, crop: Crop, image_size: int, goal: str = "") -> None:
        self.world, self._goal = world, goal
        self._crop, self._size = crop, image_size
        self._road: shapely.Geometry | None = None
        self._frame: NDArray[np.uint8] | None = None

    @property
    def over(self) -> bool:
        """Whether the car has hit something, left the road or come to its end."""
        return self.world.collided or self.world.off_road or self.world.finished

    def look(self, now_s: float) -> Seen:
        """The front camera's crop and the measured motion."""
        view = self.world.observe()
        self._frame = view.frame
        picture = square_crop(view.frame, self.world.camera, self._crop, self._size)
        return Seen(now_s, picture, view.speed_mps, view.heading_change_rad)

    def state(self) -> State:
        """In the map frame."""
        return State(self.world.x, self.world.y, self.world.yaw, self.world.speed)

    def around(self) -> Surroundings:
        """The other vehicles and the asphalt."""
        if self._road is None:
            self._road = drivable(self.world.scenario.road_map)
        rows = []
        for box, vehicle in zip(self.world.boxes(), self.world.vehicles, strict=True):
            cos, sin = np.cos(box.yaw), np.sin(box.yaw)
            x, y = box.x + box.length / 2 * cos, box.y + box.length / 2 * sin
            speed = vehicle.speed
            rows.append((x, y, box.yaw, box.length, box.width, speed * cos, speed * sin))
        return Surroundings(np.array(rows, np.float64).reshape(-1, 7), self._road)

    def situation(self, recent: tuple[str, ...]) -> Situation:
        """With the last frame that was looked at and the scenario's own command."""
        return Situation(
            image=self._frame,
            speed_mps=self.world.speed,
            heading_change_rad=self.world.heading_change,
            recent=recent,
            given=self.world.command,
            goal=self._goal,
        )

    def step(self, action: Action) -> None:
        """Drive an action for a tick."""
        self.world.step(action.acceleration, action.curvature)


def drivable(road_map: RoadMap) -> shapely.Geometry:
    """The asphalt but for the islands, prepared for many questions."""
    parts = {
        paint: shapely.union_all(
            [
                shapely.make_valid(shapely.Polygon(outline))
                for strip in road_map.strips
                if strip.paint == paint
                for outline in strip.outlines()
            ]
        )
        for paint in ("asphalt", "island")
    }
    # Pieces that touch have no gap between them, but for what rounding leaves.
    road = shapely.buffer(parts["asphalt"], 0.01) - parts["island"]
    shapely.prepare(road)
    return road


class Tour:
    """One road after the other, for drives longer than a road.

    Args:
        road: makes the place of the n-th road.
    """

    over = False

    def __init__(self, road: Callable[[int], Place]) -> None:
        self._road, self.roads = road, 1
        self._place = road(0)

    def look(self, now_s: float) -> Seen:
        """On the present road."""
        return self._place.look(now_s)

    def state(self) -> State:
        """On the present road."""
        return self._place.state()

    def around(self) -> Surroundings:
        """On the present road."""
        return self._place.around()

    def situation(self, recent: tuple[str, ...]) -> Situation:
        """On the present road."""
        return self._place.situation(recent)

    def step(self, action: Action) -> None:
        """Drive an action for a tick; a road that is over is followed by the next."""
        self._place.step(action)
        if self._place.over:
            self._place = self._road(self.roads)
            self.roads += 1
