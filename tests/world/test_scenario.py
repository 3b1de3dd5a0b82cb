"""Scenarios: drawn by key, and such that they can be driven."""

import numpy as np
import pytest

from avvla.labels.taxonomy import TAXONOMY
from avvla.world.road_map import LANE_M
from avvla.world.scenario import CRUISE_MPS, FAMILIES, FOLLOW, Scenario, draw_scenario

EACH = pytest.mark.parametrize("family", list(FAMILIES))


def summary(scenario: Scenario) -> tuple[object, ...]:
    curve, strips = scenario.route.curve, scenario.road_map.strips
    lines = np.concatenate([np.concatenate([strip.left, strip.right]) for strip in strips])
    return (
        scenario.family, scenario.vehicles, scenario.start_s, scenario.lane, scenario.speed,
        scenario.command, scenario.command_s, scenario.reason, scenario.route.lanes,
        scenario.route.junction, curve.xy.tobytes(), curve.yaw.tobytes(), lines.tobytes(),
    )  # fmt: skip


@EACH
def test_equal_keys_give_equal_scenarios_and_others_differ(family: str) -> None:
    first, same = summary(draw_scenario(family, 2, 5)), summary(draw_scenario(family, 2, 5))
    assert first == same
    for key in ((2, 6), (1, 5), (5, 2)):
        other = draw_scenario(family, *key)
        assert other.start_s != first[2]
        assert other.route.curve.xy.tobytes() != first[10]


@EACH
@pytest.mark.parametrize("seed", range(12))
def test_every_family_draws_what_can_be_driven(family: str, seed: int) -> None:
    scenario = draw_scenario(family, 9, seed)
    route = scenario.route
    assert scenario.family == family
    assert 50.0 < scenario.start_s < route.curve.length - 100.0
    assert 0 <= scenario.lane < route.lanes
    assert 5.0 <= scenario.speed <= 15.0
    assert scenario.command in {command.text for command in TAXONOMY}
    assert scenario.reason
    x, y, _ = route.curve.pose(scenario.start_s, scenario.lane * LANE_M)
    assert scenario.road_map.drivable(x, y)
    for vehicle in scenario.vehicles:
        assert 0 <= vehicle.lane < route.lanes
        assert vehicle.offset == vehicle.lane * LANE_M
        if vehicle.lane == scenario.lane:
            moving = vehicle.speed >= scenario.speed
            assert vehicle.rear - (scenario.start_s + 3.6) > (18.0 if moving else 25.0)


@pytest.mark.parametrize("seed", range(20))
def test_a_cut_in_comes_from_the_lane_beside_and_a_leader_brakes_to_a_stand(seed: int) -> None:
    scenario = draw_scenario("cut_in", 9, seed)
    (other,) = scenario.vehicles
    (event,) = other.events
    assert abs(other.lane - scenario.lane) == 1
    assert event.lane == scenario.lane
    gap = other.s + event.time_s * other.speed - (scenario.start_s + event.time_s * CRUISE_MPS)
    assert 14.0 <= gap <= 24.0
    braking = draw_scenario("lead_braking", 9, seed).vehicles[0].events[0]
    assert braking.wished_speed == 0.0
    assert 1.5 <= braking.braking <= 3.5


@pytest.mark.parametrize("seed", range(10))
def test_the_lane_of_a_merge_ends(seed: int) -> None:
    scenario = draw_scenario("merge", 9, seed)
    curve = scenario.route.curve
    on_asphalt = [
        scenario.road_map.drivable(*curve.pose(scenario.start_s + ahead)[:2])
        for ahead in np.arange(0.0, 250.0, 5.0)
    ]
    end = on_asphalt.index(False)
    assert 100.0 < 5.0 * end < 180.0
    assert not any(on_asphalt[end:])
    left = [curve.pose(scenario.start_s + ahead, LANE_M)[:2] for ahead in (0.0, 250.0)]
    assert all(scenario.road_map.drivable(*point) for point in left)


@pytest.mark.parametrize("seed", range(20))
def test_a_lane_change_has_a_lane_to_change_to_and_no_one_beside(seed: int) -> None:
    scenario = draw_scenario("lane_change", 9, seed)
    target = scenario.lane + {"Change lane left": 1, "Change lane right": -1}[scenario.command]
    assert 0 <= target < scenario.route.lanes
    assert all(v.s - scenario.start_s > 50 for v in scenario.vehicles if v.lane == target)


def test_families_give_their_commands() -> None:
    wanted = {
        "lane_keeping": {FOLLOW},
        "lane_keeping_tight": {FOLLOW},
        "lead": {FOLLOW},
        "stop": {"Stop"},
        "slow_down": {"Slow down"},
        "lane_change": {"Change lane left", "Change lane right"},
        "turn": {"Turn left", "Turn right"},
        "straight": {"Go straight"},
        "roundabout": {"Turn right"},
    }
    for family, commands in wanted.items():
        assert {draw_scenario(family, 8, seed).command for seed in range(14)} == commands


@pytest.mark.parametrize("family", ["turn", "straight", "roundabout"])
def test_a_junction_lies_ahead_and_its_command_holds_from_the_start(family: str) -> None:
    for seed in range(8):
        scenario = draw_scenario(family, 9, seed)
        assert scenario.route.junction is not None
        assert 30.0 < scenario.route.junction[0] - scenario.start_s < 60.0
        assert scenario.command_s == 0.0
