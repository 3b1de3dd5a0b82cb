"""The embedded arena."""

import math

import cv2
import numpy as np
import pytest

from avvla.errors import UserError
from avvla.rl.embedded import EmbeddedArena
from avvla.world.above import EGO, VEHICLE
from avvla.world.embedded import EGO_LENGTH_M, EGO_WIDTH_M


def test_a_finer_view_shows_the_same() -> None:
    arena = EmbeddedArena(("lane_keeping",))
    arena.reset(3)
    small, large = arena.birds_eye(48, 20.0), arena.birds_eye(192, 20.0)
    shrunk = cv2.resize(large, (48, 48), interpolation=cv2.INTER_AREA)
    assert np.abs(small.astype(float) - shrunk).mean() < 8.0


def test_the_ego_and_a_leader_are_seen_from_above() -> None:
    arena = EmbeddedArena(("lead",))
    arena.reset(5)
    arena.step(0.0, 0.0)
    image = arena.birds_eye(160, 40.0)  # 2 px a metre, the rear axle at (79.5, 119.5)
    ego = np.argwhere((image == EGO).all(axis=-1))
    assert ego.mean(axis=0) == pytest.approx((119.5 - 2 * 1.3, 79.5), abs=1.0)
    assert np.ptp(ego, axis=0) == pytest.approx((2 * EGO_LENGTH_M, 2 * EGO_WIDTH_M), abs=1.5)
    world = arena._world
    box = world.boxes()[0]  # the leader
    middle = np.array([math.cos(box.yaw), math.sin(box.yaw)]) * box.length / 2
    x, y = np.array([box.x - world.x, box.y - world.y]) + middle
    ahead = x * math.cos(world.yaw) + y * math.sin(world.yaw)
    left = y * math.cos(world.yaw) - x * math.sin(world.yaw)
    assert 10.0 < ahead < 55.0
    rows, columns = 119.5 - 2 * ahead, 79.5 - 2 * left
    around = (image == VEHICLE).all(axis=-1)[round(rows) - 6 : round(rows) + 7]
    place = np.argwhere(around).mean(axis=0) + np.array([round(rows) - 6, 0])
    assert place == pytest.approx((rows, columns), abs=0.8)


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
