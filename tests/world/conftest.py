"""A small camera, straight roads with chosen vehicles, drives by the expert."""

import math
from collections.abc import Callable

import pytest

from avvla.physical_ai.camera import FThetaCamera, ideal
from avvla.world import expert
from avvla.world.curve import Piece, trace
from avvla.world.embedded import EmbeddedWorld
from avvla.world.road_map import RoadMap, Route, _ordered, _road
from avvla.world.scenario import Scenario
from avvla.world.traffic import Vehicle

StraightRoad = Callable[..., Scenario]
ExpertDrive = Callable[..., list[tuple[float, ...]]]


@pytest.fixture(scope="session")
def camera() -> FThetaCamera:
    return ideal(192, 108, math.radians(120))


@pytest.fixture(scope="session")
def straight_road() -> StraightRoad:
    """A scenario on a straight road of two lanes along +x, the ego in lane 0 at s = 50 m."""
    curve = trace([Piece(400.0)])
    road_map = RoadMap(_ordered(_road(curve, 2)))

    def scenario(*vehicles: Vehicle, speed: float = 10.0, **more: object) -> Scenario:
        route = Route(curve, 2)
        return Scenario("test", route, road_map, vehicles, 50.0, 0, speed, **more)

    return scenario


@pytest.fixture(scope="session")
def expert_drive() -> ExpertDrive:
    """Let the expert drive a world; (s, lateral, target lane, speed) before each step."""

    def drive(world: EmbeddedWorld, seconds: float) -> list[tuple[float, ...]]:
        trail = []
        for _ in range(round(seconds * 10)):
            if world.finished:
                break
            trail.append((world.s, world.lateral, world.target_lane, world.speed))
            world.step(*expert.act(world))
        return trail

    return drive
