"""The front camera: same scene, same bytes; things appear where the lens puts them."""

import math
from collections.abc import Callable

import numpy as np
import pytest

from avvla.config import Randomisation
from avvla.physical_ai.camera import FThetaCamera, front_camera_extrinsics, rig_to_camera
from avvla.world.renderer import PALETTE, Box, Look, Renderer, draw_look, nominal_look
from avvla.world.road_map import LANE_M, roundabout

RED = (200, 20, 20)


@pytest.fixture(scope="module")
def renderer(camera: FThetaCamera, straight_road: Callable) -> Renderer:
    return Renderer(straight_road().road_map, camera, nominal_look())


def draw(renderer: Renderer, *boxes: Box, x: float = 60.0, y: float = 0.0, yaw: float = 0.0):
    return renderer.draw(x, y, yaw, list(boxes), np.random.default_rng(0))


def pixel(camera: FThetaCamera, x: float, y: float, z: float = 0.0) -> tuple[int, int]:
    """Row and column of a point of the rig."""
    column, row = camera.project(rig_to_camera([x, y, z], front_camera_extrinsics()))
    return round(float(row)), round(float(column))


def painted(name: str) -> tuple[int, ...]:
    return tuple(int(channel) for channel in PALETTE[name])


def test_equal_scenes_give_equal_bytes(camera: FThetaCamera, straight_road: Callable) -> None:
    box = Box(80.0, 0.3, 0.1, 4.6, 1.85, 1.5, RED, False)
    looks = [draw_look(np.random.default_rng(5), Randomisation()) for _ in range(2)]
    frames = [
        draw(Renderer(straight_road().road_map, camera, look), box, y=0.2, yaw=0.05)
        for look in looks
    ]
    assert frames[0].tobytes() == frames[1].tobytes()
    assert frames[0].shape == (108, 192, 3)


def test_the_horizon_is_the_principal_row(camera: FThetaCamera, renderer: Renderer) -> None:
    frame = draw(renderer)
    assert camera.cy == 53.5
    assert (frame[:53] == painted("sky")).all()
    off_road = frame[55:70, [0, 1, -2, -1]]
    assert (off_road == painted("ground")).all()


def test_the_road_is_darker_than_its_lines_and_lies_below_the_horizon(
    camera: FThetaCamera, renderer: Renderer
) -> None:
    frame = draw(renderer)
    assert tuple(frame[pixel(camera, 6.0, 0.3)]) == painted("asphalt")
    line = frame[pixel(camera, 6.0, -LANE_M / 2)]
    assert line.min() > frame[pixel(camera, 6.0, 0.3)].max() + 60
    assert tuple(frame[pixel(camera, 6.0, -5.5)]) == painted("ground")


@pytest.mark.parametrize(("x", "y"), [(20.0, 0.0), (35.0, LANE_M), (12.0, -1.0)])
def test_a_vehicle_changes_the_pixels_where_it_projects(
    camera: FThetaCamera, renderer: Renderer, x: float, y: float
) -> None:
    length, width, height = 4.6, 1.85, 1.5
    empty, full = (
        draw(renderer),
        draw(renderer, Box(60.0 + x, y, 0.0, length, width, height, RED, False)),
    )
    rows, columns = np.nonzero((empty != full).any(axis=-1))
    corners = [
        pixel(camera, x + along, y + aside * width / 2, up)
        for along in (0.0, length)
        for aside in (-1, 1)
        for up in (0.0, height)
    ]
    low, high = np.min(corners, axis=0), np.max(corners, axis=0)
    assert abs(rows.min() - low[0]) <= 1
    assert abs(rows.max() - high[0]) <= 1
    assert abs(columns.min() - low[1]) <= 1
    assert abs(columns.max() - high[1]) <= 1


def test_a_nearer_vehicle_hides_a_farther_one(renderer: Renderer) -> None:
    near = Box(75.0, 0.0, 0.0, 8.0, 2.4, 3.0, RED, False)
    far = Box(95.0, 0.0, 0.0, 4.6, 1.85, 1.5, (20, 20, 200), False)
    assert draw(renderer, near, far).tobytes() == draw(renderer, far, near).tobytes()
    assert draw(renderer, near, far).tobytes() == draw(renderer, near).tobytes()


def test_a_vehicle_behind_or_far_away_is_not_seen(renderer: Renderer) -> None:
    behind = Box(50.0, 0.0, 0.0, 4.6, 1.85, 1.5, RED, False)
    far = Box(250.0, 0.0, 0.0, 4.6, 1.85, 1.5, RED, False)
    assert draw(renderer, behind, far).tobytes() == draw(renderer).tobytes()


def test_braking_lights_up(renderer: Renderer) -> None:
    dark, bright = (
        draw(renderer, Box(75.0, 0.0, 0.0, 4.6, 1.85, 1.5, (60, 60, 60), on))
        for on in (False, True)
    )
    changed = (dark != bright).any(axis=-1)
    assert changed.sum() > 10
    assert (bright[changed][:, 0].astype(int) > dark[changed][:, 0]).all()


def test_further_left_the_lines_move_right_and_turned_left_too(renderer: Renderer) -> None:
    def right_line(**pose: float) -> float:
        row = draw(renderer, **pose)[75].min(axis=-1)
        return float(np.flatnonzero(row > 180).max())

    assert right_line(y=0.6) > right_line() + 3
    assert right_line(y=-0.6) < right_line() - 3
    assert right_line(yaw=0.06) > right_line() + 3


def test_the_island_of_a_roundabout_is_seen_ahead(camera: FThetaCamera) -> None:
    route, road_map = roundabout("left", 120.0, 14.0)
    assert route.junction is not None
    frame = draw(Renderer(road_map, camera, nominal_look()), x=route.junction[0] - 5)
    assert (frame == painted("island")).all(axis=-1).sum() > 50


@pytest.mark.parametrize("light", [0.7, 1.3])
def test_light_scales_every_colour(
    camera: FThetaCamera, straight_road: Callable, light: float
) -> None:
    look = Look(PALETTE, light, front_camera_extrinsics(), 0.0)
    frame = draw(Renderer(straight_road().road_map, camera, look))
    wanted = np.minimum(np.array(painted("asphalt")) * light, 255)
    np.testing.assert_allclose(frame[pixel(camera, 6.0, 0.3)], wanted, atol=1.0)


def test_noise_has_its_deviation_and_no_bias(camera: FThetaCamera, straight_road: Callable) -> None:
    look = Look(PALETTE, 1.0, front_camera_extrinsics(), 4.0)
    noisy = draw(Renderer(straight_road().road_map, camera, look)).astype(float)
    sky = noisy[:50] - painted("sky")
    assert abs(sky.mean()) < 0.2
    assert sky.std() == pytest.approx(4.0, abs=0.3)


def test_looks_stay_within_the_randomisation() -> None:
    widths = Randomisation()
    for seed in range(50):
        look = draw_look(np.random.default_rng(seed), widths)
        assert abs(look.light - 1.0) <= widths.light
        assert 0.0 <= look.noise <= widths.image_noise
        x, _, z = look.extrinsics.position
        assert max(abs(x - 1.7), abs(z - 1.5)) <= widths.camera_jitter_m
        ahead = look.extrinsics.rotation[:, 2]
        assert math.acos(ahead[0]) <= math.sqrt(2) * widths.camera_jitter_rad + 1e-9
        tint = np.array(look.palette["asphalt"]) / PALETTE["asphalt"]
        assert np.abs(tint - 1).max() <= widths.colours + 1e-9
