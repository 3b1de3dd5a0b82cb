import numpy as np
import pytest
import shapely
from driving import BODY, around, drive, moved, obstacle, touches

from avvla.agent import braking, envelope
from avvla.agent.motion import NOTHING, Action, State


def test_a_way_out_is_what_braking_drives():
    state, action = State(1.0, 2.0, 0.3, 12.0), Action(0.5, 0.01)
    path = braking.way_out(state, action)
    now = action
    for row in path:
        state = moved(state, now)
        np.testing.assert_allclose([state.x, state.y, state.yaw, state.speed], row, atol=1e-9)
        now = braking.brake(state.speed, now)
    assert path[-1, 3] == pytest.approx(0.0, abs=1e-6)
    full = 12.0**2 / (2 * -envelope.A_MIN)
    assert full < np.linalg.norm(path[-1, :2] - (1.0, 2.0)) < full + 12.0 * 0.4


def test_nothing_around_is_free():
    assert braking.safe(State(0, 0, 0, 30.0), Action(3.0, 0.0), NOTHING, BODY)


def test_an_obstacle_within_the_way_out_is_not_free():
    state, on = State(0.0, 0.0, 0.0, 12.0), Action(0.0, 0.0)
    reach = braking.way_out(state, on)[-1, 0] + 3.6 + 2.3 + braking.AHEAD_M
    assert not braking.safe(state, on, around(obstacle(reach - 0.1, 0.0)), BODY)
    assert braking.safe(state, on, around(obstacle(reach + 0.1, 0.0)), BODY)
    beside = 1.85 + braking.SIDE_M
    assert braking.safe(state, on, around(obstacle(8.0, beside + 0.05)), BODY)
    assert not braking.safe(state, on, around(obstacle(8.0, beside - 0.05)), BODY)
    assert braking.safe(state, on, around(obstacle(-5.0, 0.0)), BODY)


def test_the_edge_of_the_road_counts_like_an_obstacle():
    state, road = State(0.0, 0.0, 0.0, 12.0), shapely.box(-10, -3, 30, 3)
    assert braking.safe(state, Action(0.0, 0.0), around(drivable=road), BODY)
    assert not braking.safe(state, Action(0.0, 0.03), around(drivable=road), BODY)
    assert not braking.safe(State(16.0, 0, 0, 12.0), Action(0.0, 0.0), around(drivable=road), BODY)


def test_a_vehicle_ahead_may_brake_and_one_that_crosses_goes_on():
    state, on = State(0.0, 0.0, 0.0, 12.0), Action(0.0, 0.0)
    same_speed = obstacle(3.6 + 2.3 + 4.0, 0.0, vx=12.0)
    assert braking.safe(state, on, around(same_speed), BODY)
    much_closer = obstacle(3.6 + 2.3 + 0.6, 0.0, vx=12.0)
    assert not braking.safe(state, on, around(much_closer), BODY)
    crossing = obstacle(12.0, -9.0, yaw=np.pi / 2, vy=10.0)
    assert not braking.safe(state, on, around(crossing), BODY)
    assert braking.safe(state, on, around(obstacle(12.0, 9.0, np.pi / 2, vy=10.0)), BODY)


def test_who_brakes_in_time_does_not_touch():
    for speed in (3.0, 8.0, 15.0, 25.0):
        state = State(0.0, 0.0, 0.0, speed)
        reach = braking.way_out(state, Action(0.0, 0.0))[-1, 0] + 3.6 + 2.3 + braking.AHEAD_M
        there = around(obstacle(reach + 0.2, 0.0))
        states, results = drive(state, lambda *_: np.tile([3.0, 0.0], (20, 1)), there, 80)
        assert not any(touches(one, there.obstacles) for one in states)
        assert states[-1].speed < 0.3
        assert any(result.reasons for result in results)
