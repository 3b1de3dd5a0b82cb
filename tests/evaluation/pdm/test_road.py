import numpy as np
import pytest
from scene_factory import rectangle, scene

from avvla.evaluation.pdm.case import Map
from avvla.evaluation.pdm.road import Road


@pytest.fixture
def given():
    return scene()["map"]


def areas(given, x, y, heading=0.0):
    found = Road(Map.model_validate(given)).areas(np.array([[[x, y, heading]]]))
    return {name: bool(value[0, 0]) for name, value in vars(found).items()}


def test_in_the_middle_of_a_lane_nothing_is_wrong(given):
    assert not any(areas(given, 0.0, 0.0).values())


def test_across_the_line_the_ego_is_in_several_lanes(given):
    assert areas(given, 0.0, 1.75)["multiple_lanes"]
    connector = {"token": "C", "layer": "LANE_CONNECTOR", "points": rectangle(-20, 20, -1.5, 5)}
    given["polygons"].append(connector)
    assert not areas(given, 0.0, 1.75)["multiple_lanes"]  # all of it is in the connector


def test_one_corner_off_the_surface_is_off_the_road(given):
    assert areas(given, 0.0, -0.7)["non_drivable"]
    assert not areas(given, 0.0, -0.5)["non_drivable"]
    park = {"token": "P", "layer": "CARPARK_AREA", "points": rectangle(-60, 160, -9.0, -1.7)}
    given["polygons"].append(park)
    assert not areas(given, 0.0, -0.7)["non_drivable"]


def test_a_point_on_a_boundary_is_outside(given):
    given["route_lane_ids"] = ["B"]
    assert areas(given, 0.0, 1.75)["oncoming"]
    assert not areas(given, 0.0, 1.7501)["oncoming"]


def test_centre_and_rear_axle_are_looked_at_apart(given):
    crossing = {"token": "I", "layer": "INTERSECTION", "points": rectangle(1.0, 20.0, -9.0, 9.0)}
    given["polygons"].append(crossing)
    found = areas(given, 0.0, 0.0)  # the centre is 1.461 m ahead
    assert found["centre_in_intersection"]
    assert not found["rear_in_intersection"]
