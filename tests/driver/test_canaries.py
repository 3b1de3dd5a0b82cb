"""Planners alone, and the route follower in closed loop."""

import math

import driver_client as sim
import numpy as np
import pytest
from driver_client import STEP_US

from avvla.driver import canaries
from avvla.driver.pursuit import pursued
from avvla.driver.scene import STEPS, Scene
from avvla.world.curve import Piece, arc, trace


def straight(count: int = 20, total: int = 20) -> np.ndarray:
    points = np.full((total, 2), np.nan)
    points[:count] = np.stack([np.arange(count) * 80 / 19, np.zeros(count)], -1)
    return points


def test_constant_velocity():
    (way,) = canaries.ConstantVelocity().plan([Scene(5.0, None)])
    np.testing.assert_allclose(way.path[:, 0], 0.5 * np.arange(1, STEPS + 1))
    assert not way.path[:, 1:].any()


def test_halting_ends_in_standstill():
    way = canaries.halting(Scene(6.0, 0.0), "x")
    steps = np.diff(way.path[:, 0])
    assert (np.diff(steps) <= 1e-9).all()
    assert steps[-1] == pytest.approx(0.0, abs=1e-9)
    assert 8.0 < way.path[-1, 0] < 10.0


def test_the_route_follower_reaches_its_cruise_speed():
    path = pursued(straight(), 0.0, 8.0)
    assert np.diff(path[:, 0])[-1] == pytest.approx(0.8, abs=0.01)
    np.testing.assert_allclose(path[:, 1:], 0, atol=1e-9)


def test_it_stops_where_the_route_has_run_out():
    path = pursued(straight(count=8), 10.0, 10.0)
    end = 7 * 80 / 19
    assert end - 3.0 < path[-1, 0] < end + 0.5
    assert path[-1, 0] - path[-2, 0] < 0.05


@pytest.mark.parametrize("count", [0, 1])
def test_without_a_route_it_goes_straight_on(count: int):
    scene = Scene(5.0, None, route=straight(count))
    follower = canaries.RouteFollower(10.0)
    for way in follower.plan([scene, Scene(5.0, None)]):
        assert "no route" in way.reason
        assert way.path[-1, 0] == pytest.approx(32.0)


@pytest.mark.parametrize("side", [1.0, -1.0])
def test_it_comes_back_to_the_route(side: float):
    path = pursued(straight() + np.array([0.0, side * 1.5]), 8.0, 8.0)
    assert side * path[-1, 1] == pytest.approx(1.5, abs=0.1)
    assert (side * path[:, 1] < 1.7).all()
    assert side * path[5, 1] > 0


def test_a_point_that_is_repeated_is_no_route():
    assert pursued(np.zeros((20, 2)), 5.0, 5.0) is None


def test_it_keeps_its_lane_in_closed_loop(server):
    """A simulator in small: it tracks the plan for 0.1 s, with poses in a turned `local`."""
    curve = trace([Piece(30.0), *arc(30.0, 1.2, 10.0), Piece(10.0), *arc(25.0, -1.5, 10.0)])
    end = curve.length - 5.0
    x, y, yaw, speed, s = 0.0, 0.0, 0.0, 5.0, 0.0
    offsets, speeds = [], []
    with server(canaries.RouteFollower(9.0)) as port:
        client = sim.Client(port)
        client.call("start_session", sim.start("a", {}))
        for number in range(400):
            now = 1_000_000 + number * STEP_US
            s, offset = curve.project(x, y, near=s)
            offsets.append(abs(offset))
            speeds.append(speed)
            if s > end:
                break
            client.call(
                "submit_egomotion_observation",
                sim.egomotion("a", [(now, x, y, yaw, speed)], old=number % 2 == 0),
            )
            client.call("submit_route", sim.route("a", now, waypoints(curve, x, y, yaw, s)))
            times, path = sim.poses(client.call("drive", sim.drive("a", now)))
            assert times[0] == now
            step = path[1] - path[0]
            speed = float(np.hypot(*step[:2])) * 10
            x, y, yaw = (path[1] + [0.01, 0.0, 0.002]).tolist()  # no controller is exact
        client.close()
    assert s > 0.9 * end
    assert max(offsets) < 0.6
    assert max(speeds) < 9.2
    assert min(speeds[10:-60]) > 4.0


def waypoints(curve, x, y, yaw, s) -> np.ndarray:
    """As Alpasim sends them: 20, 4.2 m apart, in the rig, NaN where the route has run out."""
    points = np.full((20, 2), np.nan)
    for i in range(20):
        ahead = s + i * 80 / 19
        if ahead < curve.length:
            px, py, _ = curve.pose(ahead)
            dx, dy = px - x, py - y
            points[i] = (
                dx * math.cos(yaw) + dy * math.sin(yaw),
                dy * math.cos(yaw) - dx * math.sin(yaw),
            )
    return points
