"""The embedded world: one scenario under way, stepped at 10 Hz.

The ego is the project's unicycle (`avvla.actions.unicycle.step`, Euler at DT_S), so that a plan of
64 actions is exactly the path it drives, up to the dynamics noise of the randomisation. State in
the map frame: x, y [m] of the rear axle, yaw [rad], speed [m/s]; in road coordinates: s and
`lateral` [m], left positive, relative to the route.
"""

from __future__ import annotations

import math
from copy import copy
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from avvla.actions.unicycle import DT_S, step
from avvla.physical_ai.camera import FThetaCamera
from avvla.world.interface import Metrics, View
from avvla.world.renderer import Box, Look, Renderer, draw_look, nominal_look
from avvla.world.road_map import LANE_M
from avvla.world.scenario import CRUISE_MPS, FOLLOW, PASS, Scenario
from avvla.world.traffic import REAR_OVERHANG_M, Vehicle, advance

if TYPE_CHECKING:
    from avvla.config import Randomisation

HISTORY_S = 1.5
EGO_LENGTH_M, EGO_WIDTH_M = 4.6, 1.85
CHANGE_DONE_M = 0.35
TURN_DONE_M = 12.0
"""Behind a junction, where its command ends."""


class EmbeddedWorld:
    """reset -> observe / step ... -> the measures that `avvla.evaluation` judges."""

    def __init__(self, camera: FThetaCamera, randomisation: Randomisation | None = None) -> None:
        self.camera, self._widths = camera, randomisation

    def reset(
        self, scenario: Scenario, *key: int, lateral_m: float = 0.0, yaw_error: float = 0.0
    ) -> None:
        """Start the scenario; key seeds look, sensors and dynamics; the rest perturbs the start."""
        self._rng = np.random.default_rng([97, *key])
        self.scenario, self.vehicles = scenario, list(scenario.vehicles)
        self.time, self.s, self.lane = 0.0, scenario.start_s, scenario.lane
        self.target_lane, self.lateral = scenario.lane, scenario.lane * LANE_M + lateral_m
        x, y, yaw = scenario.route.curve.pose(self.s, self.lateral)
        self._state = np.array([x, y, yaw + yaw_error, scenario.speed])
        self._headings = [float(yaw + yaw_error)]
        self._given = False
        self.command = FOLLOW
        self.collided, self.off_road = False, False
        widths = self._widths
        look: Look = draw_look(self._rng, widths) if widths else nominal_look()
        spread = widths.dynamics if widths else 0.0
        self._gain = 1.0 + self._rng.uniform(-spread, spread, 2)
        self._renderer = Renderer(scenario.road_map, self.camera, look)
        self.look = look
        self._update_command()

    @property
    def x(self) -> float:
        """Of the rear axle's centre, map frame [m]."""
        return float(self._state[0])

    @property
    def y(self) -> float:
        """Of the rear axle's centre, map frame [m]."""
        return float(self._state[1])

    @property
    def yaw(self) -> float:
        """Heading in the map frame, unwrapped [rad]."""
        return float(self._state[2])

    @property
    def speed(self) -> float:
        """True speed [m/s]."""
        return float(self._state[3])

    @property
    def heading_change(self) -> float:
        """Heading now relative to HISTORY_S ago, left positive [rad]."""
        back = round(HISTORY_S / DT_S)
        return self.yaw - self._headings[max(len(self._headings) - 1 - back, 0)]

    @property
    def finished(self) -> bool:
        """Whether the route's end is near, where the map ends too."""
        return self.s > self.scenario.route.curve.length - 15.0

    def observe(self) -> View:
        """The front camera's frame and the ego state, with the randomisation's sensor noise."""
        spread = self._widths.speed_noise if self._widths else 0.0
        measured = self.speed * (1.0 + spread * float(self._rng.standard_normal()))
        frame = self.render()
        return View(frame, measured, self.heading_change, self.command)

    def render(self) -> NDArray[np.uint8]:
        """The front camera's frame (H, W, 3) uint8 RGB."""
        return self._renderer.draw(self.x, self.y, self.yaw, self.boxes(), self._rng)

    def step(self, acceleration: float, curvature: float) -> None:
        """Drive one action for DT_S; the car does not reverse."""
        vehicles = advance(
            self.vehicles, self.as_vehicle(), self.scenario.route.lanes, self.time, DT_S
        )
        self._state = step(self._state, self._gain * (acceleration, curvature))
        self._state[3] = max(self._state[3], 0.0)
        self.vehicles = vehicles
        self.time += DT_S
        self._headings.append(self.yaw)
        self.s, self.lateral = self.scenario.route.curve.project(self.x, self.y, self.s)
        self._update_command()
        self.collided = self.collided or self._collides()
        if not self.finished:
            self.off_road = self.off_road or not self.scenario.road_map.drivable(self.x, self.y)

    def fork(self) -> EmbeddedWorld:
        """A world that goes on from here by itself, for a look at what would come."""
        other = copy(self)
        other._headings = list(self._headings)
        return other

    def metrics(self) -> Metrics:
        """The measures of the drive so far."""
        return Metrics(
            time_s=self.time,
            s_m=self.s,
            lateral_m=self.lateral,
            lane_offset_m=self.lateral - self.target_lane * LANE_M,
            collided=self.collided,
            off_road=self.off_road,
            finished=self.finished,
        )

    def as_vehicle(self) -> Vehicle:
        """The ego in the terms of the traffic model."""
        return Vehicle(
            self.s, self.lane, self.lateral, self.speed, CRUISE_MPS, EGO_LENGTH_M, EGO_WIDTH_M
        )

    def boxes(self) -> list[Box]:
        """The other vehicles as boxes in the map frame."""
        return [self._box(vehicle) for vehicle in self.vehicles]

    def _box(self, vehicle: Vehicle) -> Box:
        x, y, yaw = self.scenario.route.curve.pose(vehicle.rear, vehicle.offset)
        slow = vehicle.speed < 0.5
        return Box(x, y, yaw, vehicle.length, vehicle.width, vehicle.height, vehicle.colour, slow)

    def _update_command(self) -> None:
        scenario = self.scenario
        if not self._given and self.time >= scenario.command_s - 1e-6:
            self._given, self.command = True, scenario.command
            aside = {"Change lane left": 1, "Change lane right": -1}.get(self.command, 0)
            self.target_lane = self.lane + aside
        if self._given and scenario.route.exit_s > 0.0:
            self.command = PASS if self.s < scenario.route.exit_s else scenario.command
        if self.command.startswith("Change lane"):
            if abs(self.lateral - self.target_lane * LANE_M) < CHANGE_DONE_M:
                self.command, self.lane = FOLLOW, self.target_lane
        elif scenario.route.junction and self.s > scenario.route.junction[1] + TURN_DONE_M:
            self.command = FOLLOW

    def _collides(self) -> bool:
        centre = EGO_LENGTH_M / 2 - REAR_OVERHANG_M
        ego = _rectangle(
            self.x + centre * math.cos(self.yaw),
            self.y + centre * math.sin(self.yaw),
            self.yaw,
            EGO_LENGTH_M,
            EGO_WIDTH_M,
        )
        for vehicle in self.vehicles:
            if abs(vehicle.s - self.s) > 15.0:
                continue
            box = self._box(vehicle)
            x = box.x + box.length / 2 * math.cos(box.yaw)
            y = box.y + box.length / 2 * math.sin(box.yaw)
            other = _rectangle(x, y, box.yaw, box.length, box.width)
            if cv2.rotatedRectangleIntersection(ego, other)[0] != cv2.INTERSECT_NONE:
                return True
        return False


def _rectangle(
    x: float, y: float, yaw: float, length: float, width: float
) -> tuple[tuple[float, float], tuple[float, float], float]:
    return (x, y), (length, width), math.degrees(yaw)
