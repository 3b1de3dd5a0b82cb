"""The surroundings from above."""

import math

import numpy as np
import pytest

from avvla.errors import UserError
from avvla.world.above import (
    CELL_M,
    EGO,
    GROUND,
    KEPT_CELLS,
    LIGHTS,
    PAINT,
    VEHICLE,
    Above,
    outline,
)
from avvla.world.curve import Piece, trace
from avvla.world.road_map import RoadMap, Strip

ASPHALT = PAINT["asphalt"]


def straight(yaw: float) -> RoadMap:
    """A road 200 m long and 8 m wide through the origin."""
    curve = trace([Piece(200.0)], -100.0 * math.cos(yaw), -100.0 * math.sin(yaw), yaw)
    return RoadMap((Strip(curve.offset_line(4.0), curve.offset_line(-4.0), "asphalt"),))


def colours(image: np.ndarray) -> set[tuple[int, int, int]]:
    return {tuple(colour) for colour in image.reshape(-1, 3).tolist()}


@pytest.mark.parametrize("yaw", [0.0, 0.7, -2.5, math.pi / 2])
def test_the_heading_points_up_and_the_centre_is_half_a_radius_ahead(yaw: float) -> None:
    image = Above(straight(yaw)).view(
        (0.0, 0.0, yaw), [(outline(0.0, 0.0, yaw, 4.6, 1.8, 1.3), EGO)], 80, 20.0
    )
    assert image.shape == (80, 80, 3)
    # 2 px a metre: the road is 16 px wide around the middle, the rear axle 20 px below the centre.
    assert tuple(image[5, 40]) == ASPHALT
    assert tuple(image[5, 40 - 10]) == tuple(image[5, 40 + 10]) == GROUND
    ego = np.argwhere((image == EGO).all(axis=-1))
    rows, columns = ego.mean(axis=0)
    assert columns == pytest.approx(39.5, abs=0.7)
    assert rows == pytest.approx(39.5 + 20 - 2 * 1.3, abs=1.0)  # its middle is 1.3 m ahead


def test_left_is_left() -> None:
    box = outline(12.0, 3.0, 0.0, 4.0, 2.0), VEHICLE
    image = Above(straight(0.0)).view((0.0, 0.0, 0.0), [box], 80, 20.0)
    where = np.argwhere((image == VEHICLE).all(axis=-1))
    rows, columns = where.mean(axis=0)
    # 3 m left and 12 m ahead of the rear axle, which is at (39.5, 59.5).
    assert columns == pytest.approx(39.5 - 6, abs=0.7)
    assert rows == pytest.approx(59.5 - 24, abs=0.7)


def test_a_far_vehicle_and_the_ground_beyond_the_map_are_no_trouble() -> None:
    box = outline(1e7, 0.0, 0.0, 4.0, 2.0), VEHICLE
    image = Above(straight(0.0)).view((0.0, 5e3, 0.0), [box], 40, 10.0)
    assert VEHICLE not in colours(image)
    assert tuple(image[0, 0]) == GROUND


@pytest.mark.parametrize("yaw", [0.0, 0.4])
def test_a_view_does_not_depend_on_those_before_it(yaw: float) -> None:
    along = np.array([math.cos(yaw), math.sin(yaw)])
    driven = Above(straight(yaw))
    for way in np.arange(-80.0, 90.0, 7.0):
        ego = (*(way * along), yaw)
        alone = Above(straight(yaw)).view(ego, [], 40, 15.0)
        np.testing.assert_array_equal(driven.view(ego, [], 40, 15.0), alone)


def test_the_road_goes_on_across_cells() -> None:
    above = Above(straight(0.0))
    x = CELL_M - 10.0  # the centre of the view is on the border of two cells
    before, after = (above.view((x + step, 0.0, 0.0), [], 80, 20.0) for step in (-0.01, 0.01))
    assert np.abs(before.astype(int) - after).max() < 8
    assert tuple(after[40, 40]) == ASPHALT


def test_a_long_way_keeps_few_cells() -> None:
    above = Above(straight(0.0))
    for x in np.arange(0.0, 20 * CELL_M, CELL_M):
        above.view((x, 0.0, 0.0), [], 40, 15.0)
    assert len(above._cells) == KEPT_CELLS


def test_a_marking_thinner_than_a_pixel_is_seen() -> None:
    curve = trace([Piece(100.0)], 0.0, 0.0, 0.0)
    line = Strip(curve.offset_line(0.05), curve.offset_line(-0.05), "line")
    image = Above(RoadMap((line,))).view((20.0, 0.0, 0.0), [], 40, 20.0)
    assert image[:, 19:21].max(axis=(1, 2)).min() > 150


@pytest.mark.parametrize(("state", "colour"), [*LIGHTS.items(), (3, ASPHALT)])
def test_a_light_has_its_colour(state: int, colour: tuple[int, int, int]) -> None:
    lights = np.array([[10.0, 0.0, state]])
    image = Above(straight(0.0)).view((0.0, 0.0, 0.0), [], 80, 20.0, lights)
    assert tuple(image[40, 40]) == colour


@pytest.mark.parametrize(("size", "radius"), [(0, 20.0), (64, 0.0), (64, float("nan"))])
def test_a_view_of_nothing_is_refused(size: int, radius: float) -> None:
    with pytest.raises(UserError, match="expected more than 0 of both"):
        Above(straight(0.0)).view((0.0, 0.0, 0.0), [], size, radius)
