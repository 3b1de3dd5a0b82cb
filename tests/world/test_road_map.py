"""What is drivable, and whether the routes lead where the roads do."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from avvla.world.road_map import (
    LANE_M,
    ORDER,
    SHOULDER_M,
    RoadMap,
    Route,
    Strip,
    crossroad,
    roundabout,
    winding_road,
)

Layout = Callable[[str, float, float], tuple[Route, RoadMap]]
HEADINGS = {"left": math.pi / 2, "straight": 0.0, "right": -math.pi / 2}
LAYOUTS = pytest.mark.parametrize(
    ("layout", "radius"),
    [(crossroad, 7.0), (crossroad, 10.0), (roundabout, 12.0), (roundabout, 16.0)],
)
TURNS = pytest.mark.parametrize("turn", list(HEADINGS))


def across(route: Route, road_map: RoadMap, s: float, offsets: list[float]) -> list[bool]:
    return [road_map.drivable(*route.curve.pose(s, offset)[:2]) for offset in offsets]


@LAYOUTS
@TURNS
def test_a_turn_ends_on_the_right_hand_lane_of_its_arm(
    layout: Layout, radius: float, turn: str
) -> None:
    route, road_map = layout(turn, 120.0, radius)
    yaw = math.remainder(route.curve.yaw[-1] - HEADINGS[turn], math.tau)
    assert yaw == pytest.approx(0.0, abs=1e-6)
    right, left = -LANE_M / 2 - SHOULDER_M, LANE_M * 1.5 + SHOULDER_M
    edges = [right - 0.1, right + 0.1, left - 0.1, left + 0.1]
    assert across(route, road_map, route.curve.length - 10, edges) == [False, True, True, False]


@LAYOUTS
@TURNS
def test_the_whole_route_is_drivable_over_the_width_of_a_car(
    layout: Layout, radius: float, turn: str
) -> None:
    route, road_map = layout(turn, 130.0, radius)
    for s in np.arange(0.5, route.curve.length, 0.5):
        assert all(across(route, road_map, s, [-0.95, 0.0, 0.95])), s


@LAYOUTS
@TURNS
def test_the_junction_holds_all_of_the_bends(layout: Layout, radius: float, turn: str) -> None:
    route, _ = layout(turn, 118.0, radius)
    assert route.junction is not None
    begin, end = route.junction
    assert 0 < begin < end < route.curve.length
    assert route.curve.sharpest(0.0, begin - 1.0) == pytest.approx(0.0, abs=1e-9)
    assert route.curve.sharpest(end + 1.0, 80.0) == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize("radius", [12.0, 14.3, 16.0])
def test_the_ring_of_a_roundabout_is_closed_and_its_island_is_not_drivable(radius: float) -> None:
    route, road_map = roundabout("left", 120.0, radius)
    on_ring = np.flatnonzero(np.isclose(route.curve.curvature, 1 / radius))
    x, y, _ = route.curve.pose(0.5 * float(on_ring[len(on_ring) // 2]), radius)
    for angle in np.linspace(0.0, math.tau, 181):
        cos, sin = math.cos(angle), math.sin(angle)
        for distance in (radius - 2.2, radius, radius + 2.2):
            assert road_map.drivable(x + distance * cos, y + distance * sin), (angle, distance)
        for distance in (0.0, 3.0, radius - 2.5):
            assert not road_map.drivable(x + distance * cos, y + distance * sin), (angle, distance)


@settings(max_examples=15)
@given(st.integers(0, 10**6), st.sampled_from([1, 2, 3]), st.floats(33.0, 100.0))
def test_a_winding_road_has_its_lanes_and_its_limits(
    seed: int, lanes: int, tightest: float
) -> None:
    route, road_map = winding_road(np.random.default_rng(seed), 300.0, tightest, 300.0, lanes)
    curve = route.curve
    assert route.lanes == lanes
    assert curve.length > 300.0
    assert np.abs(curve.curvature).max() <= 1 / tightest + 1e-9
    # A bend is never shorter than its clothoids, which may overshoot the limit a little.
    assert np.abs(curve.yaw).max() < math.radians(80.0)
    right, left = -LANE_M / 2 - SHOULDER_M, (lanes - 0.5) * LANE_M + SHOULDER_M
    for s in np.arange(5.0, curve.length - 5.0, 7.0):
        offsets = [right - 0.2, right + 0.2, *(LANE_M * np.arange(lanes)), left - 0.2, left + 0.2]
        assert across(route, road_map, s, offsets) == [False, *[True] * (lanes + 2), False]


@pytest.mark.parametrize("lanes", [1, 2, 3])
def test_lanes_are_parted_by_dashes_and_bounded_by_lines(lanes: int) -> None:
    route, road_map = winding_road(np.random.default_rng(4), 200.0, 60.0, 300.0, lanes)
    solid, dashed = set(), set()
    for strip in road_map.strips:
        if strip.paint == "line":
            x, y = (strip.left[1] + strip.right[1]) / 2
            edge = round(route.curve.project(x, y)[1] / LANE_M + 0.5, 1)
            (solid if len(strip.left) > 20 else dashed).add(edge)
    assert solid == {0, lanes}
    assert dashed == set(range(1, lanes))


@LAYOUTS
def test_strips_are_in_drawing_order_with_equal_sides(layout: Layout, radius: float) -> None:
    _, road_map = layout("left", 120.0, radius)
    paints = [ORDER.index(strip.paint) for strip in road_map.strips]
    assert paints == sorted(paints)
    assert all(strip.left.shape == strip.right.shape for strip in road_map.strips)


def test_grass_is_not_drivable() -> None:
    _, road_map = crossroad("straight", 120.0, 8.0)
    assert not road_map.drivable(20.0, 30.0)
    assert not road_map.drivable(-50.0, 0.0)


def test_an_island_on_asphalt_is_not_drivable() -> None:
    def square(half: float, paint: str) -> Strip:
        side = np.array([[-half, half], [half, half]])
        return Strip(side, side * (1.0, -1.0), paint)

    road_map = RoadMap((square(5.0, "asphalt"), square(2.0, "island")))
    assert road_map.drivable(3.0, 0.0)
    assert not road_map.drivable(1.0, 0.0)
    assert not road_map.drivable(6.0, 0.0)
