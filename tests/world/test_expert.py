"""The expert drives every family well and does what it is told."""

import math
from collections.abc import Callable

import numpy as np
import pytest

from avvla.physical_ai.camera import FThetaCamera
from avvla.world import expert
from avvla.world.embedded import EGO_LENGTH_M, EmbeddedWorld
from avvla.world.road_map import LANE_M
from avvla.world.scenario import CRUISE_MPS, FAMILIES, FOLLOW, SLOW_MPS, draw_scenario
from avvla.world.traffic import REAR_OVERHANG_M, Vehicle

Drive = Callable[..., list[tuple[float, ...]]]
FRONT_M = EGO_LENGTH_M - REAR_OVERHANG_M
JUNCTIONS = ("turn", "straight", "roundabout")


@pytest.fixture(scope="module")
def drives(
    camera: FThetaCamera, expert_drive: Drive
) -> Callable[[str], list[tuple[EmbeddedWorld, np.ndarray]]]:
    """The expert's five drives of a family: the world at the end and (s, lateral, lane, speed)."""
    made: dict[str, list[tuple[EmbeddedWorld, np.ndarray]]] = {}

    def of(family: str) -> list[tuple[EmbeddedWorld, np.ndarray]]:
        if family not in made:
            made[family] = []
            for seed in range(5):
                world = EmbeddedWorld(camera)
                world.reset(draw_scenario(family, 5, seed), seed)
                made[family].append((world, np.array(expert_drive(world, 25.0))))
        return made[family]

    return of


@pytest.mark.parametrize("family", list(FAMILIES))
def test_drives_without_collision_on_the_road_and_in_lane(family: str, drives: Callable) -> None:
    for world, trail in drives(family):
        assert not world.collided
        assert not world.off_road
        if family not in ("lane_change", "merge"):
            widest = LANE_M / 2 if family in JUNCTIONS else 0.4
            assert np.abs(trail[:, 1] - trail[:, 2] * LANE_M).max() < widest


def test_stop_ends_standing(drives: Callable) -> None:
    for world, trail in drives("stop"):
        assert world.command == "Stop"
        assert trail[0, 3] > 5.0
        assert (trail[-50:, 3] == 0.0).all()


def test_slow_down_ends_at_the_slow_speed(drives: Callable) -> None:
    for _, trail in drives("slow_down"):
        np.testing.assert_allclose(trail[-50:, 3], SLOW_MPS, atol=0.3)


def test_a_lane_change_ends_in_the_other_lane_and_is_then_over(drives: Callable) -> None:
    for world, trail in drives("lane_change"):
        target = world.scenario.lane + (1 if world.scenario.command.endswith("left") else -1)
        np.testing.assert_allclose(trail[-50:, 1], target * LANE_M, atol=0.3)
        assert (world.lane, world.command) == (target, FOLLOW)
        # A lane is crossed in a few seconds, not in one jerk.
        moving = np.abs(trail[:, 1] - trail[:, 2] * LANE_M) > 0.35
        assert 15 <= moving.sum() <= 80


@pytest.mark.parametrize("family", JUNCTIONS)
def test_a_turn_ends_on_the_exit_arm(family: str, drives: Callable) -> None:
    for world, _ in drives(family):
        route = world.scenario.route
        turned = {"Turn left": math.pi / 2, "Turn right": -math.pi / 2, "Go straight": 0.0}
        if family != "roundabout":
            assert abs(route.curve.yaw[-1] - turned[world.scenario.command]) < 1e-6
        assert abs(math.remainder(world.yaw - route.curve.yaw[-1], math.tau)) < 0.05
        assert world.scenario.route.junction is not None
        assert world.s > world.scenario.route.junction[1] + 10.0
        assert world.command == FOLLOW


def test_keeps_off_the_lead(drives: Callable) -> None:
    for world, _ in drives("lead"):
        lead = min((v for v in world.vehicles if v.lane == world.lane), key=lambda v: v.s)
        assert 1.5 < lead.rear - (world.s + FRONT_M) < 25.0
        assert world.speed <= lead.speed + 0.5


def test_cruises_on_a_straight_road(
    camera: FThetaCamera, straight_road: Callable, expert_drive: Drive
) -> None:
    world = EmbeddedWorld(camera)
    world.reset(straight_road(speed=6.0), 0)
    trail = expert_drive(world, 15.0)
    assert trail[-1][3] == pytest.approx(CRUISE_MPS, abs=0.2)
    assert max(abs(lateral) for _, lateral, _, _ in trail) < 1e-6


def test_comes_back_to_the_lane_from_a_disturbed_start(
    camera: FThetaCamera, straight_road: Callable, expert_drive: Drive
) -> None:
    world = EmbeddedWorld(camera)
    world.reset(straight_road(), 0, lateral_m=1.2, yaw_error=0.06)
    trail = np.array(expert_drive(world, 10.0))
    assert np.abs(trail[-20:, 1]).max() < 0.1
    assert trail[:, 1].min() > -0.15  # without crossing to the other side


def test_a_bias_is_the_line_that_is_driven(camera: FThetaCamera, straight_road: Callable) -> None:
    world = EmbeddedWorld(camera)
    world.reset(straight_road(), 0)
    for _ in range(100):
        world.step(*expert.act(world, 0.7))
    assert world.lateral == pytest.approx(0.7, abs=0.05)


def test_never_asks_for_reverse_or_for_more_than_its_limits(drives: Callable) -> None:
    for family in FAMILIES:
        for world, trail in drives(family):
            assert trail[:, 3].min() >= 0.0
            acceleration, curvature = expert.act(world)
            assert abs(curvature) <= expert.CURVATURE_MAX
            assert acceleration <= expert.SPEEDING_MPS2


def test_brakes_for_a_vehicle_in_the_lane_it_changes_to(
    camera: FThetaCamera, straight_road: Callable
) -> None:
    slow = Vehicle(75.0, 1, LANE_M, 2.0, 2.0)
    world = EmbeddedWorld(camera)
    world.reset(straight_road(slow, command="Change lane left"), 0)
    assert expert.act(world)[0] < -1.0
