"""From acceleration and curvature to throttle, brake and steering.

Longitudinal: the acceleration is integrated to a reference speed, and the pedals are what the
acceleration itself asks for (feed-forward) plus a PI controller on the error of the speed,

    u = a + KP e + KI sum(e dt),   e = v_reference - v,

which becomes throttle u / FULL_THROTTLE or brake -u / FULL_BRAKE. Lateral: the bicycle model with
the middle of the rear axle as its point, steering angle = atan(wheelbase curvature), as a share of
the front wheels' largest angle, less what the vehicle's steering curve takes away at speed. The
gains were found on models of vehicles, not in CARLA.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from avvla.errors import UserError

KP, KI = 2.0, 1.0
"""[1/s], [1/s^2]"""
FULL_THROTTLE, FULL_BRAKE = 3.5, 8.0
"""What a car makes of a whole pedal [m/s^2]; the controller mends what is wrong about it."""
COAST = -0.15
"""Above it no brake is needed: rolling slows by itself [m/s^2]."""
AHEAD_MPS = 1.0
"""The reference runs away from the speed by no more."""
MOST_ERROR_M = 1.5
"""Of the integral [m]."""
STANDING_MPS, HOLD = 0.1, 0.3
"""Below it, with nothing asked for, the brake holds."""
ACCELERATION, CURVATURE = 12.0, 0.5
"""An action beyond them is none of a road vehicle [m/s^2], [1/m]."""


@dataclass(frozen=True)
class Chassis:
    """What of a vehicle decides how it steers."""

    wheelbase_m: float
    rear_m: float
    """From the rear axle ahead to the actor's location."""
    max_steer_rad: float
    """The front wheels' largest angle."""
    steering_curve: tuple[tuple[float, float], ...] = ()
    """(speed [km/h], share of the steering left), ascending; empty: 1 everywhere."""

    def share(self, speed_mps: float) -> float:
        """What of the steering is left at a speed."""
        if not self.steering_curve:
            return 1.0
        kmh, shares = zip(*self.steering_curve, strict=True)
        return max(float(np.interp(abs(speed_mps) * 3.6, kmh, shares)), 0.05)


@dataclass(frozen=True)
class Pedals:
    """Throttle and brake in [0, 1]; steer in [-1, 1], right positive as CARLA has it."""

    throttle: float
    brake: float
    steer: float


class Controller:
    """One vehicle's; it remembers the reference speed and the integral.

    Args:
        chassis: of the vehicle.
        speed_mps: at the start.
    """

    def __init__(self, chassis: Chassis, speed_mps: float = 0.0) -> None:
        self._chassis, self._reference, self._integral = chassis, speed_mps, 0.0

    def control(
        self, acceleration: float, curvature: float, speed_mps: float, dt_s: float
    ) -> Pedals:
        """The pedals for the next `dt_s`.

        Args:
            acceleration: wanted [m/s^2].
            curvature: wanted of the rear axle's path [1/m], left positive.
            speed_mps: measured now.
            dt_s: how long they are held.

        Raises:
            UserError: the action is not finite or beyond ACCELERATION or CURVATURE.
        """
        check_action(acceleration, curvature)
        low, high = max(speed_mps - AHEAD_MPS, 0.0), max(speed_mps + AHEAD_MPS, 0.0)
        now = min(max(self._reference, low), high)
        self._reference = max(now + acceleration * dt_s, 0.0)
        steer = steering(self._chassis, curvature, speed_mps)
        if self._reference < STANDING_MPS and speed_mps < STANDING_MPS and acceleration <= 0.0:
            self._reference, self._integral = 0.0, 0.0
            return Pedals(0.0, HOLD, steer)
        error = now - speed_mps
        wanted = acceleration + KP * error + KI * self._integral
        throttle = min(max(wanted / FULL_THROTTLE, 0.0), 1.0)
        brake = min(-wanted / FULL_BRAKE, 1.0) if wanted < COAST else 0.0
        if throttle < 1.0 and brake < 1.0:
            # A pedal that is down already is not pushed further by what adds up meanwhile.
            summed = self._integral + error * dt_s
            self._integral = min(max(summed, -MOST_ERROR_M), MOST_ERROR_M)
        return Pedals(throttle, brake, steer)


def steering(chassis: Chassis, curvature: float, speed_mps: float) -> float:
    """The steering in [-1, 1], right positive, of a curvature [1/m], left positive."""
    angle = -math.atan(chassis.wheelbase_m * curvature)
    return min(max(angle / chassis.max_steer_rad / chassis.share(speed_mps), -1.0), 1.0)


def check_action(acceleration: float, curvature: float) -> None:
    """Refuse what no road vehicle can be asked for.

    Raises:
        UserError: a number is not finite or out of range.
    """
    for name, value, most, unit in (
        ("acceleration", acceleration, ACCELERATION, "m/s^2"),
        ("curvature", curvature, CURVATURE, "1/m"),
    ):
        if not math.isfinite(value) or abs(value) > most:
            raise UserError(
                f"the action's {name} is {value}, expected from -{most:g} to {most:g} {unit}"
            )
