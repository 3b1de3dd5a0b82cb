"""The f-theta camera: round trips, directions on the image, the crop."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from avvla.physical_ai.camera import (
    Crop,
    FThetaCamera,
    front_camera_extrinsics,
    ideal,
    rig_to_camera,
    square_crop,
)

WIDE = ideal(192, 108, math.radians(120))


@given(st.floats(0, 191), st.floats(0, 107))
def test_unproject_then_project_is_the_same_pixel(column: float, row: float) -> None:
    ray = WIDE.unproject([column, row])
    assert np.linalg.norm(ray) == pytest.approx(1)
    np.testing.assert_allclose(WIDE.project(ray * 7.5), [column, row], atol=1e-9)


@given(st.floats(-50, 50), st.floats(-50, 50), st.floats(-20, 50))
def test_project_then_unproject_is_the_same_ray(x: float, y: float, z: float) -> None:
    point = np.array([x, y, z])
    if math.hypot(x, y) < 1e-3:
        return
    ray = WIDE.unproject(WIDE.project(point))
    np.testing.assert_allclose(ray, point / np.linalg.norm(point), atol=1e-6)


def test_a_point_straight_ahead_lands_on_the_principal_point() -> None:
    mount = front_camera_extrinsics(height_m=1.5, forward_m=1.7)
    np.testing.assert_allclose(WIDE.project(rig_to_camera([30.0, 0.0, 1.5], mount)), [95.5, 53.5])
    np.testing.assert_array_equal(WIDE.unproject([95.5, 53.5]), [0, 0, 1])


def test_left_lands_left_and_the_ground_lands_below() -> None:
    left = WIDE.project(rig_to_camera([20.0, 2.0, 0.0], front_camera_extrinsics()))
    assert left[0] < 95.5
    assert left[1] > 53.5


@pytest.mark.parametrize(
    ("turn", "axis", "sign"),
    [({"yaw": 0.1}, 0, 1), ({"pitch": 0.1}, 1, -1), ({"roll": 0.1}, 0, 1)],
)
def test_turns_of_the_mount(turn: dict[str, float], axis: int, sign: int) -> None:
    # Looking left moves the world right, looking down moves it up, leaning right turns it to the
    # left about the principal point, which swings what was below it to the right.
    point = [30.0, 0.0, 0.0]
    before = WIDE.project(rig_to_camera(point, front_camera_extrinsics()))
    after = WIDE.project(rig_to_camera(point, front_camera_extrinsics(**turn)))
    assert np.sign(after[axis] - before[axis]) == sign


def test_extrinsics_are_the_sensor_to_rig_pose() -> None:
    mount = front_camera_extrinsics(1.4, 1.9, yaw=0.2, pitch=-0.1, roll=0.3)
    in_camera = np.array([0.3, -0.4, 5.0])
    in_rig = Rotation.from_quat(mount.quaternion).apply(in_camera) + mount.position
    np.testing.assert_allclose(rig_to_camera(in_rig, mount), in_camera, atol=1e-12)


def test_higher_orders_of_the_polynomials_count() -> None:
    camera = FThetaCamera(100, 100, 50, 50, (0, 60, 1, -2, 0.5), (0, 1 / 60, 0, 0, 0))
    angle = 0.5
    radius = 60 * angle + angle**2 - 2 * angle**3 + 0.5 * angle**4
    pixel = camera.project([math.sin(angle), 0, math.cos(angle)])
    np.testing.assert_allclose(pixel, [50 + radius, 50])


def test_crop_keeps_the_rows_between_the_angles() -> None:
    frame = np.zeros((108, 192, 3), np.uint8)
    focal = 192 / math.radians(120)
    top, bottom = round(54 - focal * math.radians(10)), round(54 + focal * math.radians(33))
    frame[top:bottom] = 200
    assert (square_crop(frame, WIDE, Crop(10, 33, 60), 96) == 200).all()
    assert (square_crop(frame, WIDE, Crop(12, 33, 60), 96)[0] < 200).all()
    assert (square_crop(frame, WIDE, Crop(10, 35, 60), 96)[-1] < 200).all()


def test_crop_averages_columns_while_rows_grow() -> None:
    frame = np.zeros((108, 192, 3), np.uint8)
    frame[:, ::3] = 240  # one of every three columns, as thin as a far lane marking
    crop = square_crop(frame, WIDE, Crop(15, 3, 60), 64)
    assert (crop == 80).all()


def test_crop_keeps_the_columns_between_the_angles() -> None:
    frame = np.zeros((108, 192, 3), np.uint8)
    side = round(192 / math.radians(120) * math.radians(45))
    frame[:, 96 - side : 96 + side] = 200
    assert (square_crop(frame, WIDE, Crop(10, 33, 45), 96) == 200).all()
    assert (square_crop(frame, WIDE, Crop(10, 33, 47), 96)[:, [0, -1]] < 200).all()


def test_crop_is_clipped_to_the_image() -> None:
    frame = np.full((108, 192, 3), 7, np.uint8)
    frame[0] = 255
    crop = square_crop(frame, WIDE, Crop(80, 80, 60), 64)
    assert crop.shape == (64, 64, 3)
    assert crop.dtype == np.uint8
    assert (crop[0] > 100).all()
    assert (crop[2:] == 7).all()


def test_a_padded_crop_keeps_the_proportions() -> None:
    frame = np.full((108, 192, 3), 200, np.uint8)
    frame[50:70, 90:110] = 0  # a square of 20 pixels
    crop = Crop(10, 33, 60, "pad")
    size = 96
    image = square_crop(frame, WIDE, crop, size)
    seen = image[crop.filled(WIDE, size)][1:-1]  # at the edge half a pixel is padding
    rows, columns = np.nonzero((seen < 150).all(axis=-1))
    assert np.ptp(columns) == 9  # half as large
    assert abs(np.ptp(rows) - 9) <= 1
    filled = np.zeros((size, size), bool)
    filled[crop.filled(WIDE, size)] = True
    assert (image[~filled] == 0).all()
    assert abs(filled.sum() / size - size * 69 / 192) <= 1


@given(
    st.tuples(*[st.floats(1, 80)] * 3),
    st.sampled_from(["stretch", "pad"]),
    st.integers(8, 64),
)
def test_the_shown_part_of_the_camera_holds_the_window(angles, aspect, size) -> None:
    crop = Crop(*angles, aspect)
    shown = crop.shown(WIDE)
    for kept, (first, end) in zip(crop.window(WIDE), shown, strict=True):
        assert first <= kept.start < kept.stop <= end
    lengths = {end - first for first, end in shown}
    assert aspect == "stretch" or len(lengths) == 1
    full = (slice(0, size), slice(0, size))
    assert aspect == "pad" or crop.filled(WIDE, size) == full
