"""Lengths, headings and distances of curves."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from avvla.world.curve import STEP_M, Curve, Piece, arc, trace

BENDS = trace(
    [Piece(10), *arc(30, 1.1, 12), Piece(8), *arc(45, -1.4, 20), Piece(5), *arc(25, -0.9, 9)],
    x=3.0,
    y=-2.0,
    yaw=0.4,
)


def test_the_length_is_that_of_the_pieces_to_half_a_step() -> None:
    pieces = [Piece(7.3), *arc(20.0, 0.8, 5.0), Piece(11.1)]
    wanted = 7.3 + 20.0 * 0.8 + 5.0 + 11.1
    assert trace(pieces).length == pytest.approx(wanted, abs=STEP_M / 2)


@given(st.floats(5, 300), st.floats(-2, 2), st.floats(0.05, 0.95), st.floats(-4, 4))
def test_an_eased_arc_turns_by_exactly_its_angle(
    radius: float, angle: float, share: float, yaw: float
) -> None:
    if abs(angle) * radius < 2.0:
        return
    ease = share * (abs(angle) * radius - STEP_M)
    curve = trace([*arc(radius, angle, ease), Piece(5.0)], yaw=yaw)
    assert curve.yaw[-1] - yaw == pytest.approx(angle, abs=1e-9)
    assert np.abs(curve.curvature).max() <= 1 / radius + 1e-12
    assert np.abs(curve.curvature[[0, -1]]).max() == pytest.approx(0.0, abs=1e-12)


@given(st.floats(6, 300), st.sampled_from([-1.0, 1.0]))
def test_an_arc_lies_on_its_circle_and_has_its_heading(radius: float, side: float) -> None:
    curve = trace([Piece(20.0, side / radius, side / radius)])
    distance = np.hypot(curve.xy[:, 0], curve.xy[:, 1] - side * radius)
    np.testing.assert_allclose(distance, radius, atol=5e-3)
    np.testing.assert_allclose(curve.yaw, side * np.arange(41) * STEP_M / radius, atol=1e-12)


def test_a_clothoid_turns_with_the_square_of_its_length() -> None:
    curve = trace([Piece(20.0, 0.0, 0.1)])
    s = np.arange(41) * STEP_M
    np.testing.assert_allclose(curve.yaw, 0.1 * s**2 / (2 * 20.0), atol=1e-12)
    np.testing.assert_allclose(curve.curvature, 0.1 * s / 20.0, atol=1e-12)


@given(st.floats(-15, BENDS.length + 15), st.floats(-4, 4))
def test_pose_and_project_are_inverse(s: float, offset: float) -> None:
    x, y, _ = BENDS.pose(s, offset)
    for near in (None, s):
        assert BENDS.project(x, y, near) == pytest.approx((s, offset), abs=0.05)


def test_near_keeps_the_branch_of_a_curve_that_crosses_itself() -> None:
    lap = 2 * math.pi * 15
    spiral = trace([Piece(2 * lap, 1 / 15, 1 / 15)])
    x, y, _ = spiral.pose(30.0)
    assert spiral.project(x, y, near=lap + 25.0)[0] == pytest.approx(lap + 30.0, abs=0.3)
    assert spiral.project(x, y, near=25.0)[0] == pytest.approx(30.0, abs=0.3)


@pytest.mark.parametrize("offset", [-3.5, 1.75])
def test_an_offset_line_lies_to_the_left_at_its_distance(offset: float) -> None:
    found = np.array([BENDS.project(x, y)[1] for x, y in BENDS.offset_line(offset)])
    np.testing.assert_allclose(found, offset, atol=0.01)
    straight = trace([Piece(10.0)])
    np.testing.assert_allclose(straight.offset_line(offset)[:, 1], offset)


@pytest.mark.parametrize(("end", "sign"), [(0.0, -1.0), (BENDS.length, 1.0)])
def test_beyond_its_ends_a_curve_goes_straight_on(end: float, sign: float) -> None:
    x0, y0, yaw0, _ = BENDS.at(end)
    x, y, yaw, curvature = BENDS.at(end + sign * 12.0)
    assert (x, y) == pytest.approx(
        (x0 + sign * 12.0 * math.cos(yaw0), y0 + sign * 12.0 * math.sin(yaw0))
    )
    assert (yaw, curvature) == (yaw0, 0.0)


def test_at_is_linear_between_the_samples() -> None:
    low, high, middle = BENDS.at(20.0), BENDS.at(20.5), BENDS.at(20.25)
    np.testing.assert_allclose(middle, (np.array(low) + high) / 2)


def test_sharpest_looks_only_ahead() -> None:
    curve: Curve = trace([Piece(50), Piece(20, -0.05, -0.05), Piece(50)])
    assert curve.sharpest(0.0, 40.0) == 0.0
    assert curve.sharpest(0.0, 60.0) == pytest.approx(0.05)
    assert curve.sharpest(75.0, 60.0) == 0.0
