"""The world under way: dynamics, commands, collisions, what a driver sees."""

import math
from collections.abc import Callable

import numpy as np
import pytest

from avvla.actions.unicycle import rollout
from avvla.config import Randomisation
from avvla.physical_ai.camera import FThetaCamera
from avvla.world import expert
from avvla.world.curve import STEP_M
from avvla.world.embedded import HISTORY_S, EmbeddedWorld
from avvla.world.road_map import LANE_M, roundabout
from avvla.world.scenario import FOLLOW, Scenario, draw_scenario
from avvla.world.traffic import Vehicle

NOISY = Randomisation(speed_noise=0.05, dynamics=0.2)


def test_without_noise_a_plan_is_driven_exactly(camera: FThetaCamera) -> None:
    rng = np.random.default_rng(3)
    action = np.stack([rng.normal(0.2, 0.8, 64), rng.normal(0.0, 0.02, 64)], axis=-1)
    world = EmbeddedWorld(camera)
    world.reset(draw_scenario("lane_keeping", 2, 1), 1)
    x0, y0, yaw0, v0 = world.x, world.y, world.yaw, world.speed
    driven = []
    for acceleration, curvature in action:
        world.step(acceleration, curvature)
        dx, dy = world.x - x0, world.y - y0
        ahead = dx * math.cos(yaw0) + dy * math.sin(yaw0)
        left = -dx * math.sin(yaw0) + dy * math.cos(yaw0)
        driven.append((ahead, left, world.yaw - yaw0, world.speed))
    np.testing.assert_allclose(driven, rollout(v0, action), atol=1e-9)


def test_dynamics_noise_scales_the_actions_within_its_width(
    camera: FThetaCamera, straight_road: Callable
) -> None:
    gains = set()
    for seed in range(6):
        world = EmbeddedWorld(camera, NOISY)
        world.reset(straight_road(speed=10.0), seed)
        world.step(1.0, 0.0)
        gains.add(round((world.speed - 10.0) / 0.1, 6))
    assert len(gains) == 6
    assert all(0.8 <= gain <= 1.2 for gain in gains)


def test_the_car_brakes_to_a_stand_and_does_not_reverse(
    camera: FThetaCamera, straight_road: Callable
) -> None:
    for randomisation in (None, NOISY):
        world = EmbeddedWorld(camera, randomisation)
        world.reset(straight_road(speed=3.0), 0)
        xs = []
        for _ in range(20):
            world.step(-4.0, 0.0)
            xs.append(world.x)
            assert world.speed >= 0.0
        assert world.speed == pytest.approx(0.0, abs=1e-12)
        assert xs == sorted(xs)


def test_the_heading_change_is_that_of_the_last_one_and_a_half_seconds(
    camera: FThetaCamera, straight_road: Callable
) -> None:
    world = EmbeddedWorld(camera)
    world.reset(straight_road(speed=10.0), 0, yaw_error=0.1)
    assert world.observe().heading_change_rad == 0.0
    yaws = [world.yaw]
    for tick in range(40):
        world.step(0.0, 0.01 * math.sin(tick / 5))
        yaws.append(world.yaw)
        back = max(len(yaws) - 1 - round(HISTORY_S / 0.1), 0)
        assert world.observe().heading_change_rad == pytest.approx(yaws[-1] - yaws[back])


def test_equal_keys_give_equal_drives(camera: FThetaCamera) -> None:
    views = []
    for key in (4, 4, 5):
        world = EmbeddedWorld(camera, NOISY)
        world.reset(draw_scenario("lead", 2, 0), 2, key)
        for _ in range(5):
            world.step(0.5, 0.001)
        views.append(world.observe())
    assert views[0].frame.tobytes() == views[1].frame.tobytes() != views[2].frame.tobytes()
    assert views[0].speed_mps == views[1].speed_mps != views[2].speed_mps


def test_a_world_can_be_reset(camera: FThetaCamera, straight_road: Callable) -> None:
    world = EmbeddedWorld(camera, NOISY)
    world.reset(straight_road(), 1)
    first = world.observe()
    for _ in range(60):
        world.step(1.0, 0.05)
    assert world.off_road
    world.reset(straight_road(), 1)
    assert not world.off_road
    assert world.observe().frame.tobytes() == first.frame.tobytes()


def test_the_measured_speed_is_noisy_and_the_true_one_is_not(
    camera: FThetaCamera, straight_road: Callable
) -> None:
    world = EmbeddedWorld(camera, NOISY)
    world.reset(straight_road(speed=10.0), 0)
    measured = [world.observe().speed_mps for _ in range(50)]
    assert world.speed == 10.0
    assert 0.2 < np.std(measured) < 0.9
    assert np.mean(measured) == pytest.approx(10.0, abs=0.3)


def test_a_perturbed_start_is_beside_the_lane_and_turned(
    camera: FThetaCamera, straight_road: Callable
) -> None:
    world = EmbeddedWorld(camera)
    world.reset(straight_road(), 0, lateral_m=-0.4, yaw_error=0.05)
    assert (world.x, world.y, world.yaw) == (50.0, -0.4, 0.05)
    assert world.metrics().lateral_m == -0.4


def test_the_command_comes_at_its_time_and_a_lane_change_ends_it(
    camera: FThetaCamera, straight_road: Callable
) -> None:
    world = EmbeddedWorld(camera)
    world.reset(straight_road(command="Change lane left", command_s=0.5), 0)
    commands = []
    for _ in range(8):
        commands.append((world.command, world.target_lane))
        world.step(0.0, 0.0)
    assert commands == [(FOLLOW, 0)] * 5 + [("Change lane left", 1)] * 3
    assert world.metrics().lane_offset_m == pytest.approx(-LANE_M)
    while world.lateral < LANE_M - 0.3:
        world.step(0.0, 0.02 if world.yaw < 0.2 else 0.0)
    assert (world.command, world.lane) == (FOLLOW, 1)


def test_driving_into_a_vehicle_is_a_collision(
    camera: FThetaCamera, straight_road: Callable
) -> None:
    world = EmbeddedWorld(camera)
    world.reset(straight_road(Vehicle(80.0, 0, 0.0, 0.0, 0.0), speed=10.0), 0)
    gaps = []
    while not world.collided:
        gaps.append(world.vehicles[0].rear - world.as_vehicle().front)
        world.step(0.0, 0.0)
    assert 0.0 < gaps[-1] < 1.0  # a step before the touch
    assert world.metrics().collided
    assert not world.metrics().off_road


def test_passing_beside_a_vehicle_is_no_collision(
    camera: FThetaCamera, straight_road: Callable
) -> None:
    world = EmbeddedWorld(camera)
    world.reset(straight_road(Vehicle(80.0, 1, LANE_M, 0.0, 0.0), speed=10.0), 0)
    for _ in range(60):
        world.step(0.0, 0.0)
    assert world.s > 100.0
    assert not world.collided


def test_leaving_the_asphalt_is_off_road_and_stays_so(
    camera: FThetaCamera, straight_road: Callable
) -> None:
    world = EmbeddedWorld(camera)
    world.reset(straight_road(), 0, yaw_error=-0.2)
    while not world.off_road:
        assert world.y > -2.6
        world.step(0.0, 0.0)
    assert world.y < -2.3
    for _ in range(40):
        world.step(0.0, 0.03)
    assert world.metrics().off_road


def test_the_end_of_the_map_finishes_and_is_not_off_road(
    camera: FThetaCamera, straight_road: Callable
) -> None:
    world = EmbeddedWorld(camera)
    world.reset(straight_road(), 0)
    for _ in range(400):
        world.step(0.0, 0.0)
    metrics = world.metrics()
    assert metrics.finished
    assert not metrics.off_road
    assert metrics.s_m == pytest.approx(450.0)
    assert metrics.time_s == pytest.approx(40.0)


def test_standing_vehicles_show_their_brake_lights(
    camera: FThetaCamera, straight_road: Callable
) -> None:
    world = EmbeddedWorld(camera)
    standing, driving = Vehicle(90.0, 0, 0.0, 0.0, 0.0), Vehicle(120.0, 1, LANE_M, 9.0, 9.0)
    world.reset(straight_road(standing, driving), 0)
    boxes = world.boxes()
    assert [box.braking for box in boxes] == [True, False]
    assert (boxes[0].x, boxes[0].y, boxes[0].yaw) == (89.0, 0.0, 0.0)


@pytest.mark.parametrize("turn", ["right", "straight", "left"])
def test_in_a_roundabout_the_command_is_about_the_next_exit(
    camera: FThetaCamera, turn: str
) -> None:
    """Passed exits lie a quarter of the ring apart, each left at the end of the ring's arc."""
    radius = 14.0
    route, road_map = roundabout(turn, 120.0, radius)
    world, commands = EmbeddedWorld(camera), []
    world.reset(Scenario("roundabout", route, road_map, (), 80.0, 0, 8.0, "Turn right"), 0)
    while not world.finished and world.time < 40.0:
        commands.append((world.s, world.command))
        world.step(*expert.act(world))
    passing = [s for s, command in commands if command == "Go straight"]
    if turn == "right":
        assert passing == []
        return
    leaves = np.flatnonzero(route.curve.curvature > 0.0)[-1] * STEP_M
    assert passing[0] == 80.0
    assert leaves - math.pi / 2 * radius < passing[-1] < leaves - 10.0
    assert next(command for s, command in commands if s > passing[-1]) == "Turn right"
    assert commands[-1][1] == FOLLOW
