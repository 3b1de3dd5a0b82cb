import math

import cv2
import numpy as np
import pytest

from avvla.navsim.view import PinholeCamera, equidistant, policy_view
from avvla.physical_ai.camera import Crop, ideal, square_crop

CROP = Crop(10.0, 33.0, 50.0)
NUPLAN = (-0.356123, 0.172545, -0.00213, 0.000464, -0.05231)
SIZE = 96


def camera(**changes):
    return PinholeCamera(**{"fx": 1545.0, "fy": 1545.0, "cx": 960.0, "cy": 560.0, **changes})


def ray(right_deg, down_deg):
    """A ray at this place of an equidistant image [degrees from the axis]."""
    angle = math.radians(math.hypot(right_deg, down_deg)) or 1e-12
    across = math.sin(angle) / angle
    return np.array(
        [
            math.radians(right_deg) * across,
            math.radians(down_deg) * across,
            math.cos(angle),
        ]
    )


def square_pixel(right_deg, down_deg):
    """(row, column) of the square that shows it."""
    return (
        int((down_deg + CROP.up_deg) / (CROP.up_deg + CROP.down_deg) * SIZE),
        int((right_deg + CROP.side_deg) / (2 * CROP.side_deg) * SIZE),
    )


@pytest.mark.parametrize("distortion", [(0.0,) * 5, NUPLAN])
@pytest.mark.parametrize(("right", "down"), [(0, 0), (20, 5), (-25, 12), (8, -7)])
def test_a_spot_in_the_frame_is_where_the_policy_learnt_to_look_for_it(distortion, right, down):
    eye = camera(distortion=distortion)
    frame = np.zeros((1080, 1920, 3), np.uint8)
    column, row = np.rint(eye.project(ray(right, down))).astype(int)
    frame[row - 20 : row + 21, column - 20 : column + 21] = 255
    seen = policy_view(frame, eye, CROP, SIZE)[..., 0]
    brightest = np.unravel_index(seen.argmax(), seen.shape)
    assert np.abs(np.subtract(brightest, square_pixel(right, down))).max() <= 1


def test_rays_fall_where_opencv_has_them():
    eye = camera(fy=1540.0, distortion=NUPLAN)
    rays = np.random.default_rng(0).normal(0, (0.3, 0.2, 0), (50, 3)) + np.array([0, 0, 1])
    matrix = np.array([[eye.fx, 0, eye.cx], [0, eye.fy, eye.cy], [0, 0, 1]])
    expected, _ = cv2.projectPoints(rays, np.zeros(3), np.zeros(3), matrix, np.array(NUPLAN))
    np.testing.assert_allclose(eye.project(rays), expected[:, 0], rtol=0, atol=1e-6)


def test_it_is_the_crop_of_an_equidistant_camera_at_the_same_place():
    """Both see one scene: what is bright depends on the ray alone."""

    def scene(rays):
        bright = 128 + 100 * np.sin(9 * rays[..., 0]) * np.cos(7 * rays[..., 1])
        return np.repeat(bright[..., None], 3, -1).astype(np.uint8)

    trained = ideal(1920, 1080, math.radians(120))
    grid = np.stack(np.meshgrid(np.arange(1920), np.arange(1080)), -1)
    expected = square_crop(scene(trained.unproject(grid)), trained, CROP, SIZE)
    eye = camera()
    direction = np.concatenate([(grid - (960.0, 560.0)) / 1545.0, np.ones((1080, 1920, 1))], -1)
    frame = scene(direction / np.linalg.norm(direction, axis=-1, keepdims=True))
    seen = policy_view(frame, eye, CROP, SIZE)
    rows, columns = slice(6, 55), slice(24, 72)  # 7 up to 14 degrees down, 25 to either side
    difference = np.abs(seen[rows, columns].astype(int) - expected[rows, columns])
    assert difference.max() <= 4
    assert expected[rows, columns].std() > 30


def test_where_the_camera_does_not_look_is_black():
    seen = policy_view(np.full((1080, 1920, 3), 255, np.uint8), camera(), CROP, SIZE)
    assert seen.shape == (SIZE, SIZE, 3)
    assert seen[square_pixel(0, 0)].tolist() == [255] * 3
    assert not seen[:, : square_pixel(-34, 0)[1]].any()
    assert not seen[:, square_pixel(34, 0)[1] + 1 :].any()
    assert not seen[square_pixel(0, 22)[0] :].any()


def test_a_ray_beyond_the_fold_of_the_distortion_has_no_pixel():
    folded = camera(distortion=NUPLAN)
    at = [folded.project(ray(angle, 0))[0] for angle in (10, 30, 45)]
    assert at == sorted(at)
    assert folded.project(ray(58, 0))[0] < -1e3
    assert camera().project(ray(58, 0))[0] > 1920
    assert camera().project(np.array([0.1, 0.0, -1.0]))[0] < -1e3


def test_the_equidistant_camera_shows_the_crop_and_nothing_else():
    wide = equidistant(1000.0, CROP)
    rows, columns = CROP.window(wide)
    assert (rows.start, rows.stop, columns.start, columns.stop) == (0, wide.height, 0, wide.width)
