"""The embedded arena and its view from above."""

import math

import cv2
import numpy as np
import pytest

from avvla.errors import UserError
from avvla.rl.embedded import EmbeddedArena
from avvla.rl.raster import EGO, GROUND, PAINT, VEHICLE, Raster
from avvla.world.curve import Piece, trace
from avvla.world.renderer import Box
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
    image = Raster(straight(yaw), 2.0).view((0.0, 0.0, yaw), [], 80, 20.0)
    assert image.shape == (80, 80, 3)
    # 2 px a metre: the road is 16 px wide around the middle, the rear axle 20 px below the centre.
    assert tuple(image[5, 40]) == ASPHALT
    assert tuple(image[5, 40 - 10]) == tuple(image[5, 40 + 10]) == GROUND
    ego = np.argwhere((image == EGO).all(axis=-1))
    rows, columns = ego.mean(axis=0)
    assert columns == pytest.approx(39.5, abs=0.7)
    assert rows == pytest.approx(39.5 + 20 - 2 * 1.3, abs=1.0)  # its middle is 1.3 m ahead


def test_left_is_left() -> None:
    road = straight(0.0)
    box = Box(10.0, 3.0, 0.0, 4.0, 2.0, 1.5, (0, 0, 0), False)
    image = Raster(road, 2.0).view((0.0, 0.0, 0.0), [box], 80, 20.0)
    where = np.argwhere((image == VEHICLE).all(axis=-1))
    rows, columns = where.mean(axis=0)
    # 3 m left and 12 m ahead of the rear axle, which is at (39.5, 59.5).
    assert columns == pytest.approx(39.5 - 6, abs=0.7)
    assert rows == pytest.approx(59.5 - 24, abs=0.7)


def test_a_far_vehicle_and_the_ground_beyond_the_map_are_no_trouble() -> None:
    box = Box(1e7, 0.0, 0.0, 4.0, 2.0, 1.5, (0, 0, 0), False)
    image = Raster(straight(0.0), 2.0).view((0.0, 5e3, 0.0), [box], 40, 10.0)
    assert VEHICLE not in colours(image)
    assert tuple(image[0, 0]) == GROUND


def test_a_finer_view_shows_the_same() -> None:
    arena = EmbeddedArena(("lane_keeping",))
    arena.reset(3)
    small, large = arena.birds_eye(48, 20.0), arena.birds_eye(192, 20.0)
    shrunk = cv2.resize(large, (48, 48), interpolation=cv2.INTER_AREA)
    assert np.abs(small.astype(float) - shrunk).mean() < 8.0


def test_equal_seeds_give_equal_drives() -> None:
    arena = EmbeddedArena(("lane_keeping", "lead", "turn"))

    def drive(seed: int) -> tuple[bytes, float]:
        arena.reset(seed)
        for _ in range(5):
            arena.step(0.5, 0.01)
        return arena.birds_eye(48, 20.0).tobytes(), arena.metrics().s_m

    first = drive(1)
    assert drive(2) != first
    assert drive(1) == first


def test_the_heading_error_is_the_yaw_off_the_route_left_positive() -> None:
    arena = EmbeddedArena(("lane_keeping",))
    arena.reset(0)
    before = arena.heading_error_rad
    arena.step(0.0, 0.05)
    assert arena.heading_error_rad - before > 0.3 * 0.05
    assert before == pytest.approx(0.0, abs=0.02)


def test_an_unknown_family_is_named() -> None:
    with pytest.raises(UserError, match=r"world\.families is 'parking', expected lane_keeping or"):
        EmbeddedArena(("parking",))
