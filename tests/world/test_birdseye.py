"""Pictures for people: things lie where they should, the same bytes each time."""

import math
from collections.abc import Callable

import numpy as np
import pytest

from avvla.actions.unicycle import rollout
from avvla.errors import UserError
from avvla.physical_ai.camera import FThetaCamera, front_camera_extrinsics, ideal, rig_to_camera
from avvla.world.birdseye import EGO_COLOUR, GROUND, PAINT, SPEED_RAMP, draw, overlay_plan
from avvla.world.renderer import Box
from avvla.world.road_map import LANE_M, RoadMap

RED = (200, 20, 20)
EGO = (100.0, 0.0, 0.0)
STRAIGHT_ON = rollout(10.0, np.zeros((64, 2)))


@pytest.fixture(scope="module")
def road_map(straight_road: Callable) -> RoadMap:
    return straight_road().road_map


def at(image: np.ndarray, x: float, y: float, metres: float = 80.0) -> tuple[int, ...]:
    """The pixel of a map point in a picture around EGO."""
    scale = image.shape[1] / metres
    column = (image.shape[1] - 1) / 2 + (x - EGO[0]) * scale
    row = (image.shape[0] - 1) / 2 - (y - EGO[1]) * scale
    return tuple(image[round(row), round(column)].tolist())


def where(image: np.ndarray, colour: tuple[int, ...]) -> np.ndarray:
    """Mean row and column of the pixels of a colour."""
    found = np.argwhere((np.abs(image.astype(int) - colour) <= 2).all(axis=-1))
    assert len(found)
    return found.mean(axis=0)


def test_road_ground_and_lines_lie_where_the_map_has_them(road_map: RoadMap) -> None:
    image = draw(road_map, EGO, metres=40.0)
    assert image.shape == (480, 480, 3)
    assert image.dtype == np.uint8
    assert at(image, 110, 0, 40) == PAINT["asphalt"]
    assert at(image, 110, LANE_M, 40) == PAINT["asphalt"]
    assert at(image, 110, -8, 40) == at(image, 110, 12, 40) == GROUND
    assert min(at(image, 110, -LANE_M / 2, 40)) > 200


def test_the_ego_is_highlighted_and_its_arrow_points_ahead(road_map: RoadMap) -> None:
    for yaw in (0.0, math.pi / 2, math.pi):
        image = draw(road_map, (EGO[0], EGO[1], yaw), metres=20.0)
        body = where(image, EGO_COLOUR)
        # The rear axle is in the middle of the picture, the body's centre 1.3 m ahead of it.
        ahead = np.array([-math.sin(yaw), math.cos(yaw)]) * 1.3 * 480 / 20
        np.testing.assert_allclose(body - 239.5, ahead, atol=8)


def test_vehicles_are_drawn_at_their_place_in_their_colour(road_map: RoadMap) -> None:
    north = Box(100.0, 20.0, math.pi / 2, 4.6, 1.85, 1.5, RED, False)
    image = draw(road_map, EGO, [north])
    row, column = where(image, RED)
    assert column == pytest.approx(239.5, abs=1)
    assert row == pytest.approx(239.5 - 22.3 * 6, abs=3)
    away = Box(300.0, 20.0, 0.0, 4.6, 1.85, 1.5, RED, False)
    assert draw(road_map, EGO, [away]).tobytes() == draw(road_map, EGO).tobytes()


def test_equal_scenes_give_equal_bytes(road_map: RoadMap) -> None:
    path = STRAIGHT_ON + np.array([60.0, 0.0, 0.0, 0.0])
    once, again = (draw(road_map, EGO, path=path, plan=STRAIGHT_ON) for _ in range(2))
    assert once.tobytes() == again.tobytes()


@pytest.mark.parametrize(("speed", "colour"), [(0.0, SPEED_RAMP[0]), (14.0, SPEED_RAMP[-1])])
def test_the_path_has_the_colour_of_its_speed(
    road_map: RoadMap, speed: float, colour: tuple[int, int, int]
) -> None:
    xs = np.linspace(70.0, 95.0, 26)
    path = np.stack([xs, 0 * xs, 0 * xs, np.full(26, speed)], axis=-1)
    image = draw(road_map, EGO, path=path)
    assert at(image, 85, 0) == colour
    assert at(image, 110, 0) == PAINT["asphalt"]


def test_a_fitted_picture_shows_the_whole_path(road_map: RoadMap) -> None:
    xs = np.linspace(20.0, 380.0, 200)
    path = np.stack([xs, 0 * xs, 0 * xs, np.full(200, 14.0)], axis=-1)
    image = draw(road_map, (380.0, 0.0, 0.0), path=path, fit=True, size_px=(200, 800))
    assert image.shape == (200, 800, 3)
    line = np.flatnonzero((np.abs(image[:150].astype(int) - SPEED_RAMP[-1]) <= 2).all(-1).any(0))
    assert line.min() == pytest.approx(20 * 2, abs=8)  # 400 m over 800 px, margins of 20 m
    assert line.max() == pytest.approx(380 * 2, abs=14)


def test_the_window_is_never_narrower_than_asked(road_map: RoadMap) -> None:
    path = np.array([[100.0, 0.0, 0.0, 0.0], [100.1, 0.0, 0.0, 0.0]])
    near = draw(road_map, EGO, path=path, fit=True, metres=40.0)
    far = draw(road_map, EGO, path=path, fit=True, metres=120.0)
    assert (near == PAINT["asphalt"]).all(-1).sum() > 2 * (far == PAINT["asphalt"]).all(-1).sum()


def test_fit_without_a_path_is_refused(road_map: RoadMap) -> None:
    with pytest.raises(UserError, match="`path`"):
        draw(road_map, EGO, fit=True)


def test_the_plan_is_a_ribbon_of_the_cars_width_ahead(road_map: RoadMap) -> None:
    image = draw(road_map, EGO, plan=STRAIGHT_ON[:, :2], metres=60.0)
    empty = draw(road_map, EGO, metres=60.0)
    changed = (image != empty).any(axis=-1)
    column = round(239.5 + 20.0 * 8)
    assert changed[:, column].sum() == pytest.approx(1.85 * 8, abs=2)
    assert not changed[:, :235].any()
    # Of one colour over time, and turned with the ego.
    north = draw(road_map, (100.0, 0.0, math.pi / 2), plan=STRAIGHT_ON, metres=60.0)
    assert (north != draw(road_map, (100.0, 0.0, math.pi / 2), metres=60.0)).any(-1)[100].sum() > 10


@pytest.fixture(scope="module")
def grey(camera: FThetaCamera) -> np.ndarray:
    return np.full((camera.height, camera.width, 3), 90, np.uint8)


def test_the_overlay_lies_on_the_projected_plan(camera: FThetaCamera, grey: np.ndarray) -> None:
    mount = front_camera_extrinsics()
    action = np.zeros((64, 2))
    action[:, 1] = 0.02
    plan = rollout(8.0, action)
    before = grey.copy()
    frame = overlay_plan(grey, camera, mount, plan)
    assert (grey == before).all()
    changed = (frame != grey).any(axis=-1)
    for x, y, *_ in plan[8:40]:
        column, row = camera.project(rig_to_camera([x, y, 0.0], mount))
        assert changed[round(row), round(column)]
    assert not changed[:54].any()
    assert changed[54:, :96].sum() > 2 * changed[54:, 100:].sum()


def test_the_overlay_is_as_wide_as_the_car_in_perspective(
    camera: FThetaCamera, grey: np.ndarray
) -> None:
    mount = front_camera_extrinsics()
    changed = (overlay_plan(grey, camera, mount, STRAIGHT_ON) != grey).any(axis=-1)
    for x in (5.0, 9.0):
        left, right = (
            camera.project(rig_to_camera([x, side * 1.85 / 2, 0.0], mount)) for side in (1, -1)
        )
        columns = np.flatnonzero(changed[round(left[1])])
        assert columns.min() == pytest.approx(left[0], abs=2)
        assert columns.max() == pytest.approx(right[0], abs=2)


def test_a_standing_plan_and_one_behind_the_camera_leave_the_frame_as_it_is(
    camera: FThetaCamera, grey: np.ndarray
) -> None:
    mount = front_camera_extrinsics()
    backwards = rollout(-5.0, np.zeros((64, 2)))
    assert (overlay_plan(grey, camera, mount, np.zeros((64, 2))) == grey).all()
    assert (overlay_plan(grey, camera, mount, backwards) == grey).all()
    square = np.full((192, 192, 3), 90, np.uint8)
    fisheye = ideal(192, 192, math.radians(300))
    assert (overlay_plan(square, fisheye, mount, backwards) == square).all()


def test_a_plan_that_stops_is_drawn_up_to_where_it_stops(grey: np.ndarray) -> None:
    camera = ideal(192, 108, math.radians(120))
    plan = np.zeros((64, 2))
    plan[:, 0] = np.minimum(np.arange(1, 65) * 0.8, 10.0)
    mount = front_camera_extrinsics()
    changed = (overlay_plan(grey, camera, mount, plan) != grey).any(axis=-1)
    _, row = camera.project(rig_to_camera([10.0, 0.0, 0.0], mount))
    assert np.flatnonzero(changed.any(axis=1)).min() == pytest.approx(row, abs=1.5)
