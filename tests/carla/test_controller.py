import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from avvla.carla.axes import mirrored, wrapped, yaw_deg, yaw_rad
from avvla.carla.controller import Chassis, Controller, check_action, steering
from avvla.errors import UserError

CHASSIS = Chassis(2.85, 1.4, math.radians(70.0))


def driven(accelerations, speed, throttle=3.5, brake=8.0, drag=0.04, dt=0.1):
    """Speeds of a car that makes this of its pedals, and loses drag v."""
    controller, speeds = Controller(CHASSIS, speed), [speed]
    for wanted in accelerations:
        pedals = controller.control(wanted, 0.0, speed, dt)
        assert 0.0 <= pedals.throttle <= 1.0
        assert 0.0 <= pedals.brake <= 1.0
        assert pedals.throttle == 0.0 or pedals.brake == 0.0
        change = throttle * pedals.throttle - brake * pedals.brake - drag * speed
        speed = max(speed + change * dt, 0.0)
        speeds.append(speed)
    return np.array(speeds)


@pytest.mark.parametrize("throttle", [2.5, 3.5, 5.0])
@pytest.mark.parametrize("brake", [5.0, 8.0, 11.0])
@pytest.mark.parametrize("wanted", [-2.0, -0.5, 0.0, 1.0])
def test_the_acceleration_is_driven_whatever_the_car_makes_of_its_pedals(throttle, brake, wanted):
    speeds = driven([wanted] * 40, 10.0, throttle, brake)
    asked = 10.0 + wanted * 0.1 * np.arange(41)
    assert np.abs(speeds - asked).max() < 0.6
    assert abs(speeds[-1] - asked[-1]) < 0.3


def test_a_car_stops_and_is_held():
    speeds = driven([-3.0] * 60, 10.0)
    assert speeds[-1] == 0.0
    assert Controller(CHASSIS).control(-1.0, 0.0, 0.0, 0.1).brake > 0.0
    assert Controller(CHASSIS).control(0.0, 0.0, 0.0, 0.1).throttle == 0.0


def test_it_starts_from_standstill():
    assert driven([1.5] * 20, 0.0)[-1] == pytest.approx(3.0, abs=0.3)


def test_what_a_whole_pedal_cannot_do_is_not_saved_up():
    # Twice as much as the car has, then nothing: it must not go on accelerating.
    speeds = driven([5.0] * 30 + [0.0] * 20, 5.0, throttle=2.0)
    assert speeds[-1] - speeds[30] < 1.2


@given(st.floats(-0.3, 0.3), st.floats(0.0, 30.0))
def test_steering_is_the_bicycle_models(curvature, speed):
    steer = steering(CHASSIS, curvature, speed)
    assert math.tan(steer * CHASSIS.max_steer_rad) / 2.85 == pytest.approx(-curvature, abs=1e-9)


def test_what_the_steering_curve_takes_away_is_given_back():
    chassis = Chassis(2.85, 1.4, math.radians(70.0), ((0.0, 1.0), (100.0, 0.5)))
    assert steering(chassis, 0.02, 100 / 3.6) == pytest.approx(2 * steering(chassis, 0.02, 0.0))
    assert steering(chassis, 0.02, 200 / 3.6) == pytest.approx(2 * steering(chassis, 0.02, 0.0))


def test_left_is_left():
    assert steering(CHASSIS, 0.1, 5.0) < 0.0
    assert steering(CHASSIS, 5.0, 5.0) == -1.0


@pytest.mark.parametrize(
    ("action", "told"),
    [
        ((math.nan, 0.0), "the action's acceleration is nan, expected from -12 to 12 m/s^2"),
        ((math.inf, 0.0), "acceleration is inf"),
        ((13.0, 0.0), "acceleration is 13.0"),
        ((0.0, math.nan), "the action's curvature is nan, expected from -0.5 to 0.5 1/m"),
        ((0.0, -0.6), "curvature is -0.6"),
    ],
)
def test_an_action_that_is_none_is_refused(action, told):
    with pytest.raises(UserError) as caught:
        check_action(*action)
    assert told in str(caught.value)


@given(st.floats(-1000.0, 1000.0))
def test_angles_come_back(angle):
    assert wrapped(yaw_rad(yaw_deg(angle)) - angle) == pytest.approx(0.0, abs=1e-9)
    assert -math.pi <= wrapped(angle) < math.pi


def test_the_mirror_is_its_own_inverse_and_right_is_negative():
    points = np.array([[1.0, 2.0, 3.0], [-1.0, 0.5, 0.0]])
    assert (mirrored(mirrored(points)) == points).all()
    assert mirrored(np.array([3.0, 2.0])).tolist() == [3.0, -2.0]
    assert yaw_rad(90.0) == pytest.approx(-math.pi / 2)
