"""Speed and heading make the path; GPS in float32 only says whether a unit or an axis is wrong."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from l2d_factory import Drive, gps, state

from avvla.l2d.path import EARTH_RADIUS_M, SPAN, gps_disagrees, integrate, yaw_of_heading

TIME_S = np.arange(201) / 10


def path_of(drive):
    exact = state(drive, TIME_S)
    return np.stack([exact["x"], exact["y"]], axis=-1), exact


def test_headings_run_clockwise_from_north():
    yaw = yaw_of_heading(np.array([0.0, 90.0, 180.0]))
    np.testing.assert_allclose(yaw, [math.pi / 2, 0.0, -math.pi / 2])


def test_a_heading_that_passes_north_does_not_jump():
    yaw = yaw_of_heading(np.array([358.0, 359.5, 1.0, 2.5]))
    np.testing.assert_allclose(np.diff(yaw), math.radians(-1.5))


@given(st.floats(0, 130), st.floats(0, 360), st.floats(-12, 12))
def test_the_path_is_that_of_the_arc(speed_kmh, heading_deg, turn_deg_s):
    drive = Drive("d", speed_kmh=speed_kmh, heading_deg=heading_deg, turn_deg_s=turn_deg_s)
    xy, exact = path_of(drive)
    heading = (heading_deg + turn_deg_s * TIME_S) % 360.0
    yaw = yaw_of_heading(heading)
    np.testing.assert_allclose(np.cos(yaw - exact["yaw"]), 1.0, atol=1e-9)
    found = integrate(TIME_S, exact["speed"], yaw)
    # The trapezoidal rule cuts the corners of an arc by (turn dt)^2 / 12 of its length.
    assert np.abs(found - xy).max() <= 1e-6 + 4e-5 * speed_kmh / 3.6 * TIME_S[-1]


def test_differences_of_float32_positions_are_noise():
    xy, exact = path_of(Drive("d", speed_kmh=18.0, heading_deg=10.0))
    latitude, longitude = gps(xy)
    north = np.diff(np.radians(latitude)) * EARTH_RADIUS_M
    east = np.diff(np.radians(longitude)) * EARTH_RADIUS_M * math.cos(math.radians(52.0))
    assert np.abs(np.hypot(north, east) * 10 - exact["speed"][1:]).max() > 1.0  # m/s, of 5
    assert not gps_disagrees(xy, latitude, longitude)


@given(st.floats(0, 130), st.floats(0, 360), st.floats(-12, 12), st.floats(-60, 60))
def test_gps_agrees_with_a_good_path(speed_kmh, heading_deg, turn_deg_s, latitude_deg):
    xy, _ = path_of(Drive("d", speed_kmh=speed_kmh, heading_deg=heading_deg, turn_deg_s=turn_deg_s))
    assert not gps_disagrees(xy, *gps(xy, latitude_deg))


@pytest.mark.parametrize("wrong", [3.6, 1 / 3.6], ids=["km/h as m/s", "converted twice"])
def test_a_wrong_unit_is_seen(wrong):
    xy, _ = path_of(Drive("d"))
    assert gps_disagrees(xy * wrong, *gps(xy))


def test_a_wrong_axis_is_seen():
    xy, exact = path_of(Drive("d", heading_deg=20.0))
    from_east = integrate(TIME_S, exact["speed"], np.radians(np.full_like(TIME_S, 20.0)))
    assert gps_disagrees(from_east, *gps(xy))


def test_a_single_jump_and_a_lost_position_are_forgiven():
    xy, _ = path_of(Drive("d"))
    latitude, longitude = gps(xy)
    latitude[:SPAN] += 0.01
    assert not gps_disagrees(xy, latitude, longitude)
    assert not gps_disagrees(xy, np.full_like(latitude, np.nan), longitude)
    assert not gps_disagrees(xy[: SPAN - 1], latitude[: SPAN - 1], longitude[: SPAN - 1])
