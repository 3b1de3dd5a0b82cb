from base64 import b64decode
from dataclasses import replace

import cv2
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from avvla.config import Build, Synthetic
from avvla.evaluation import pictures
from avvla.evaluation.examples import Example
from avvla.world.recording import synthetic_camera

SYNTHETIC = Synthetic()
CAMERA = synthetic_camera(SYNTHETIC)


@given(st.floats(0.5, 8.0), st.floats(-5, 5), st.floats(-5, 5), st.floats(0.1, 50))
def test_a_scaled_camera_sees_the_same_in_larger(zoom, x, y, z):
    lens = replace(CAMERA, fw_poly=(0, 90, 3, -2, 1), bw_poly=(0, 1e-2, 1e-5, -1e-7, 1e-10))
    large = pictures.scaled(lens, zoom)
    pixel, scaled = lens.project((x, y, z)), large.project((x, y, z))
    np.testing.assert_allclose(scaled + 0.5, (pixel + 0.5) * zoom, rtol=1e-9, atol=1e-6)
    np.testing.assert_allclose(large.unproject(scaled), lens.unproject(pixel), atol=1e-6)


def example(turn: float) -> Example:
    ahead = np.arange(1.0, 65.0)
    straight = np.stack([ahead, np.zeros(64)], -1).astype(np.float32)
    bent = np.stack([ahead, turn * ahead**2], -1).astype(np.float32)
    grey = np.full((96, 96, 3), 90, np.uint8)
    return Example("best", "clip", "Follow the lane", 1.0, grey, bent, straight)


def test_the_plan_is_a_green_ribbon_and_the_driven_path_a_white_line():
    image = pictures.camera_picture(example(0.01), Build(), SYNTHETIC).astype(int)
    # The crop keeps 100 of 120 degrees across and 43 of 120 down.
    assert abs(image.shape[1] / pictures.CAMERA_WIDTH_PX - 100 / 120) < 0.01
    assert abs(image.shape[1] / image.shape[0] - 100 / 43) < 0.05
    red, green, _ = np.moveaxis(image, -1, 0)
    ribbon = green > red + 30
    white = image.min(axis=-1) > 240
    middle = image.shape[1] / 2
    assert abs(np.nonzero(white[-20:])[1].mean() - middle) < 3
    lower, upper = (
        np.nonzero(ribbon[rows])[1].mean() for rows in (slice(-20, None), slice(70, 90))
    )
    assert upper < lower < middle + 1  # the plan bends to the left
    assert not white[:, : image.shape[1] // 3].any()


def test_a_plan_that_stands_still_is_drawn_without_a_ribbon():
    still = replace(example(0.0), planned=np.zeros((64, 2), np.float32))
    image = pictures.camera_picture(still, Build(), SYNTHETIC).astype(int)
    assert not (image[..., 1] > image[..., 0] + 30).any()


def test_a_drive_is_drawn_the_same_each_time_and_decodes(drives):
    drive = drives["agent"][0]
    image = pictures.drive_picture(drive, SYNTHETIC)
    assert image.shape == (*pictures.DRIVE_PX, 3)
    uri = pictures.png_uri(image)
    assert uri == pictures.png_uri(pictures.drive_picture(drive, SYNTHETIC))
    kind, data = uri.split(",", 1)
    assert kind == "data:image/png;base64"
    decoded = cv2.imdecode(np.frombuffer(b64decode(data), np.uint8), cv2.IMREAD_COLOR)
    np.testing.assert_array_equal(decoded[..., ::-1], image)
    assert pictures.jpeg_uri(image).startswith("data:image/jpeg;base64,")
