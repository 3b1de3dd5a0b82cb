import cv2
import driver_client as sim
import numpy as np
import pytest

from avvla.driver import wire
from avvla.driver.frame import decoded
from avvla.driver.lens import inverse, lens, picture
from avvla.driver.refusal import RefusalError
from avvla.physical_ai.camera import Crop, square_crop

CROP = Crop(10.0, 33.0, 50.0)
SPEC = "nre.grpc.protos.sensorsim.CameraSpec"
WIDTH, HEIGHT = 480, 270


def scene(width: int, height: int, rays) -> np.ndarray:
    """A smooth picture of directions, so that any camera sees the same world."""
    x, y = rays[..., 0] / rays[..., 2], rays[..., 1] / rays[..., 2]
    channels = [np.sin(2 * x + 0.3), np.cos(3 * y), np.sin(2 * x * y)]
    return (127 + 100 * np.stack(channels, -1)).astype(np.uint8)


def spec(**kind):
    return wire.message(SPEC)(
        logical_id="front", resolution_w=4 * WIDTH, resolution_h=4 * HEIGHT, **kind
    )


def f_theta_lens():
    return lens(spec(ftheta_param=sim.f_theta(4 * WIDTH, 4 * HEIGHT, 110.0)))


def frame_of(camera, width=WIDTH, height=HEIGHT) -> np.ndarray:
    """What the camera shows when it is rendered at another size."""
    column, row = np.meshgrid(np.arange(width), np.arange(height))
    pixel = np.stack(
        [
            (column + 0.5) * camera.width / width - 0.5,
            (row + 0.5) * camera.height / height - 0.5,
        ],
        -1,
    )
    return scene(width, height, camera.unproject(pixel))


def test_intrinsics_are_scaled_to_the_frame():
    camera = f_theta_lens()
    native = square_crop(frame_of(camera, camera.width, camera.height), camera, CROP, 64)
    for width, height in ((WIDTH, HEIGHT), (WIDTH - 5, HEIGHT), (960, 540)):
        seen = picture(camera, frame_of(camera, width, height), CROP, 64)
        assert np.abs(seen.astype(float) - native).mean() < 1.5
        assert seen.shape == (64, 64, 3)


def test_a_pinhole_shows_what_an_f_theta_camera_does():
    focal = 4 * WIDTH / 2 / np.tan(np.radians(55))
    param = {
        "principal_point_x": 2 * WIDTH - 0.5,
        "principal_point_y": 2 * HEIGHT - 0.5,
        "focal_length_x": focal,
        "focal_length_y": focal,
    }
    pinhole = lens(spec(opencv_pinhole_param=param))
    column, row = np.meshgrid(np.arange(WIDTH), np.arange(HEIGHT))
    x = ((column + 0.5) * 4 - 2 * WIDTH) / focal
    y = ((row + 0.5) * 4 - 2 * HEIGHT) / focal
    frame = scene(WIDTH, HEIGHT, np.stack([x, y, np.ones_like(x)], -1))
    seen = picture(pinhole, frame, Crop(8.0, 25.0, 45.0), 64)
    camera = f_theta_lens()
    expected = picture(camera, frame_of(camera), Crop(8.0, 25.0, 45.0), 64)
    assert np.abs(seen.astype(float) - expected).mean() < 3.0
    assert np.abs(seen.astype(float) - seen[:, ::-1]).mean() > 10.0  # not by chance


def test_a_distorted_pinhole_is_straightened():
    param = {
        "principal_point_x": 2 * WIDTH - 0.5,
        "principal_point_y": 2 * HEIGHT - 0.5,
        "focal_length_x": 1000.0,
        "focal_length_y": 1000.0,
        "radial_coeffs": [-0.1, 0.02],
    }
    crop = Crop(8.0, 12.0, 25.0)
    bent, straight = (
        lens(spec(opencv_pinhole_param=param | extra)) for extra in ({}, {"radial_coeffs": []})
    )
    column, row = np.meshgrid(np.arange(WIDTH), np.arange(HEIGHT))
    matrix = np.array([[250.0, 0, WIDTH / 2 - 0.5], [0, 250.0, HEIGHT / 2 - 0.5], [0, 0, 1]])
    pixels = np.stack([column, row], -1).reshape(-1, 1, 2).astype(np.float64)
    flat = [
        cv2.undistortPoints(pixels, matrix, np.array(k)).reshape(HEIGHT, WIDTH, 2)
        for k in ([-0.1, 0.02, 0, 0], [0.0, 0, 0, 0])
    ]
    one, other = (
        picture(camera, scene(WIDTH, HEIGHT, np.dstack([xy, np.ones((HEIGHT, WIDTH))])), crop, 48)
        for camera, xy in zip((bent, straight), flat, strict=True)
    )
    assert np.abs(one.astype(float) - other).mean() < 1.5


def test_the_way_from_pixels_to_angles_alone_is_inverted():
    backward = (0.0, 1e-3, 2e-8, 1e-11)
    forward = inverse(backward, 1100.0)
    radius = np.linspace(0, 1100, 50)
    angle = np.polynomial.polynomial.polyval(radius, backward)
    found = np.polynomial.polynomial.polyval(angle, forward)
    np.testing.assert_allclose(found, radius, atol=0.2)


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        ({}, "kind None"),
        ({"opencv_fisheye_param": {"focal_length_x": 1.0}}, "opencv_fisheye_param, expected"),
        ({"ftheta_param": {}}, "without a polynomial"),
        ({"ftheta_param": {"angle_to_pixeldist_poly": [0.0, -3.0]}}, "make no camera"),
        ({"ftheta_param": {"angle_to_pixeldist_poly": [0.0, float("nan")]}}, "make no camera"),
        ({"ftheta_param": {"pixeldist_to_angle_poly": [0.0, -1e-3]}}, "does not grow"),
        ({"opencv_pinhole_param": {}}, "make no camera"),
        (
            {"opencv_pinhole_param": {"focal_length_x": 1.0, "tangential_coeffs": [0.0] * 3}},
            "tangential_coeffs has 3 numbers",
        ),
        ({"resolution_w": 0, "ftheta_param": {}}, "resolution of 0x1080"),
        # Found by fuzzing: sums that overflow.
        (
            {"ftheta_param": {"pixeldist_to_angle_poly": [0.0, 1e150]}},
            "does not grow with the distance in pixels, from 0 to at most a whole turn",
        ),
        ({"ftheta_param": {"angle_to_pixeldist_poly": [0.0, 1e300]}}, "make no camera"),
        ({"ftheta_param": {"angle_to_pixeldist_poly": [1.0] * 9}}, "of more than 8 numbers"),
        (
            {"ftheta_param": {"principal_point_x": 1e308, "angle_to_pixeldist_poly": [0, 900]}},
            "make no camera",
        ),
    ],
)
def test_intrinsics_that_make_no_camera(kind, told):
    given = spec()
    given.MergeFrom(wire.message(SPEC)(**{k: v for k, v in kind.items() if v != 0}))
    if kind.get("resolution_w") == 0:
        given.resolution_w = 0
    with pytest.raises(RefusalError, match=told):
        lens(given)


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_frames(suffix):
    draw = np.random.default_rng(1)
    frame = cv2.resize(draw.integers(0, 256, (6, 8, 3), np.uint8), (80, 60))
    data = cv2.imencode(suffix, cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))[1].tobytes()
    assert np.abs(decoded(data).astype(float) - frame).mean() < 4
    for end in (0, 1, 20, len(data) // 2, len(data) - 20):
        with pytest.raises(RefusalError):
            decoded(data[:end])


@pytest.mark.parametrize("suffix", [".bmp", ".webp"])
def test_other_formats_are_refused(suffix):
    data = cv2.imencode(suffix, np.zeros((8, 8, 3), np.uint8))[1].tobytes()
    with pytest.raises(RefusalError, match="no JPEG or PNG"):
        decoded(data)


def test_a_small_file_of_a_huge_picture_is_refused():
    data = bytearray(cv2.imencode(".png", np.zeros((8, 8, 3), np.uint8))[1].tobytes())
    header = bytearray(data[12:29])
    for width, height in ((4_500, 4_500), (20_000, 20), (20, 20_000), (100_000, 100_000)):
        header[4:12] = width.to_bytes(4, "big") + height.to_bytes(4, "big")
        data[12:29] = header
        data[29:33] = __import__("zlib").crc32(header).to_bytes(4, "big")
        with pytest.raises(RefusalError, match=r"pixels, expected at most|that fits here"):
            decoded(bytes(data))


@pytest.mark.parametrize(("width", "height"), [(270, 480), (16_000, 1), (1, 900)])
def test_a_frame_of_other_proportions_than_its_camera_is_refused(width, height):
    told = f"an image has {width}x{height} pixels, expected the proportions of its camera"
    with pytest.raises(RefusalError, match=f"{told}, 1920x1080"):
        picture(f_theta_lens(), np.zeros((height, width, 3), np.uint8), CROP, 16)
