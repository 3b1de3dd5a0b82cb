import numpy as np
import pytest
import shapely

pytest.importorskip("carla.libcarla", reason="CARLA's client has wheels for Python 3.12 on x86_64")

import carla
from carla_double.road import LANE_M, RADIUS_M, SIDEWALK_M, STRAIGHT_M, open_drive

from avvla.agent.place import drivable
from avvla.carla import roads
from avvla.world.above import EGO, PAINT, Above, outline

LOOP_M = 4 * STRAIGHT_M + 2 * np.pi * RADIUS_M


@pytest.fixture(scope="module")
def town():
    return carla.Map("Loop", open_drive())


@pytest.fixture(scope="module")
def road_map(town):
    return roads.road_map(town)


def test_the_asphalt_is_two_lanes_wide_and_as_long_as_the_loop(road_map):
    area = drivable(road_map).area
    assert area == pytest.approx(2 * LANE_M * LOOP_M, rel=0.03)


def test_where_a_car_may_be(road_map, town):
    road = drivable(road_map)
    for y, inside in ((1.75, True), (-1.75, True), (3.4, True), (4.0, False), (-5.0, False)):
        assert road.covers(shapely.Point(60.0, y)) == inside
        assert roads.drivable(town, carla.Location(60.0, -y, 0.0)) == inside


def test_sidewalks_are_kerb_beside_the_lanes(road_map):
    kerb = [strip for strip in road_map.strips if strip.paint == "kerb"]
    middles = np.concatenate([(strip.left + strip.right) / 2 for strip in kerb])
    straight = middles[(middles[:, 0] > 10) & (middles[:, 0] < 100) & (np.abs(middles[:, 1]) < 20)]
    assert set(np.round(straight[:, 1], 3)) == {LANE_M + SIDEWALK_M / 2, -LANE_M - SIDEWALK_M / 2}


def test_the_middle_line_is_dashed_and_the_edges_are_not(road_map):
    lines = [strip for strip in road_map.strips if strip.paint == "line"]

    def length(y):
        return sum(
            float(np.ptp(strip.left[:, 0]))
            for strip in lines
            if abs(strip.left[:, 1] - y).max() < 0.2 and strip.left[:, 0].max() < 123
        )

    assert length(-LANE_M) == pytest.approx(STRAIGHT_M, abs=5.0)
    assert length(0.0) == pytest.approx(STRAIGHT_M / 2, abs=8.0)


def test_a_route_goes_round_to_the_left(town):
    begin = town.get_waypoint(carla.Location(10.0, 1.75, 0.0))
    route = roads.route(town, begin, LOOP_M, np.random.default_rng(0))
    assert np.linalg.norm(route.xy[0] - (10.0, -1.75)) < 0.01
    assert np.linalg.norm(np.diff(route.xy, axis=0), axis=1).max() < 0.6
    assert route.yaw[-1] - route.yaw[0] == pytest.approx(2 * np.pi, abs=0.2)
    assert set(route.commands) == {"Follow the lane"}


def test_commands_come_before_junctions_and_end_with_them():
    inside = np.zeros(300, bool)
    inside[100:120], inside[200:220] = True, True
    yaw = np.zeros(300)
    yaw[100:120], yaw[120:] = np.linspace(0, np.pi / 2, 20), np.pi / 2
    told = roads.commands(yaw, inside)
    assert told[39] == "Follow the lane"
    assert set(told[40:120]) == {"Turn left"}
    assert set(told[120:140]) == {"Follow the lane"}
    assert set(told[140:220]) == {"Go straight"}
    assert roads.commands(-yaw, inside)[110] == "Turn right"


def test_the_ego_is_below_the_middle_with_its_heading_up(road_map):
    # At (60, -1.75) to the east: the other lane and the loop's inside are on the left.
    ego = (60.0, -1.75, 0.0)
    view = Above(road_map).view(ego, [(outline(*ego, 4.8, 1.9), EGO)], 200, 20.0)
    assert tuple(view[150, 100]) == EGO
    assert tuple(view[100, 100]) == PAINT["asphalt"]
    assert tuple(view[100, 100 - 18]) == PAINT["asphalt"]
    assert tuple(view[100, 100 + 14]) == PAINT["kerb"]
    assert tuple(view[100, 100 - 31]) == PAINT["kerb"]
    turned = Above(road_map).view((60.0, -1.75, np.pi / 2), [], 200, 20.0)
    assert tuple(turned[150, 20]) == PAINT["asphalt"]
    assert tuple(turned[40, 100]) != PAINT["asphalt"]


def test_a_light_has_its_colour(road_map):
    lights = np.array([[70.0, -1.75, 2.0]])
    view = Above(road_map).view((60.0, -1.75, 0.0), [], 200, 20.0, lights)
    assert tuple(view[100, 100]) == (40, 200, 80)
