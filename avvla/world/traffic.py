"""Other vehicles on the ego's road: car following by IDM, lane changes by MOBIL.

Vehicles live in road coordinates of the ego's route: s is the arc length of the centre of the
rear axle, lane k the lane k * LANE_M left of the route's curve, `offset` the lateral position.

IDM (Treiber, Hennecke and Helbing 2000, equations 2-3), with speed v, gap d to the leader's rear
and closing speed w = v - v_leader:
    a = a_max (1 - (v / v0)^4 - (d*(v, w) / d)^2),   d* = d0 + T v + v w / (2 sqrt(a_max b))
MOBIL (Kesting, Treiber and Helbing 2007): change lane where the gain in the own acceleration plus
politeness times that of the new follower exceeds a threshold and the new follower brakes no harder
than a safe limit.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from avvla.world.road_map import LANE_M

MAX_ACCELERATION = 1.5
COMFORT_BRAKING = 2.0
HARDEST_BRAKING = 6.0
STANDSTILL_GAP_M = 4.0
HEADWAY_S = 1.2
POLITENESS = 0.3
CHANGE_GAIN = 0.3
SAFE_BRAKING = 2.0
LATERAL_SPEED = 1.0
REAR_OVERHANG_M = 1.0


@dataclass(frozen=True)
class Event:
    """What a vehicle does from a time on, as a scenario has it."""

    time_s: float
    lane: int
    wished_speed: float
    """[m/s]"""
    braking: float = HARDEST_BRAKING
    """The hardest from then on [m/s^2]."""


@dataclass(frozen=True)
class Vehicle:
    """One vehicle: s [m], lane, lateral offset [m], speeds [m/s], size [m], colour (RGB).

    It does its `events`, their times ascending, in their turn.
    """

    s: float
    lane: int
    offset: float
    speed: float
    wished_speed: float
    length: float = 4.6
    width: float = 1.85
    height: float = 1.5
    colour: tuple[int, int, int] = (60, 60, 160)
    changes_lane: bool = False
    events: tuple[Event, ...] = ()
    braking: float = HARDEST_BRAKING

    @property
    def rear(self) -> float:
        """Arc length of the rear bumper [m]."""
        return self.s - REAR_OVERHANG_M

    @property
    def front(self) -> float:
        """Arc length of the front bumper [m]."""
        return self.s - REAR_OVERHANG_M + self.length


def idm(speed: float, wished_speed: float, gap: float, closing: float) -> float:
    """Acceleration [m/s^2] behind a leader `gap` metres ahead; math.inf is a free road."""
    free = 1.0 - (speed / max(wished_speed, 0.1)) ** 4
    if math.isinf(gap):
        return max(MAX_ACCELERATION * free, -HARDEST_BRAKING)
    wanted = STANDSTILL_GAP_M + max(
        HEADWAY_S * speed + speed * closing / (2.0 * math.sqrt(MAX_ACCELERATION * COMFORT_BRAKING)),
        0.0,
    )
    return max(MAX_ACCELERATION * (free - (wanted / max(gap, 0.1)) ** 2), -HARDEST_BRAKING)


def leader(vehicle: Vehicle, lane: int, others: list[Vehicle]) -> tuple[float, float]:
    """Gap [m] to the next vehicle ahead in `lane` and its speed; (inf, 0) on a free road."""
    gap, speed = math.inf, 0.0
    for other in others:
        if other is vehicle or other.s <= vehicle.s or not _occupies(other, lane):
            continue
        if other.rear - vehicle.front < gap:
            gap, speed = other.rear - vehicle.front, other.speed
    return gap, speed


def follow(vehicle: Vehicle, lane: int, others: list[Vehicle]) -> float:
    """IDM acceleration of the vehicle were it in `lane`."""
    gap, speed = leader(vehicle, lane, others)
    return idm(vehicle.speed, vehicle.wished_speed, gap, vehicle.speed - speed)


def advance(
    vehicles: list[Vehicle], ego: Vehicle, lanes: int, time_s: float, dt_s: float
) -> list[Vehicle]:
    """All vehicles one step after `time_s`; the ego takes part as leader and follower."""
    vehicles = [_told(vehicle, time_s) for vehicle in vehicles]
    everyone = [*vehicles, ego]
    moved = []
    for vehicle in vehicles:
        lane = _mobil(vehicle, everyone, lanes) if vehicle.changes_lane else vehicle.lane
        acceleration = max(follow(vehicle, lane, everyone), -vehicle.braking)
        speed = max(vehicle.speed + acceleration * dt_s, 0.0)
        aside = lane * LANE_M - vehicle.offset
        limit = min(LATERAL_SPEED, 0.3 * vehicle.speed) * dt_s
        moved.append(
            replace(
                vehicle,
                s=vehicle.s + vehicle.speed * dt_s,
                lane=lane,
                offset=vehicle.offset + min(max(aside, -limit), limit),
                speed=speed,
            )
        )
    return moved


def _told(vehicle: Vehicle, time_s: float) -> Vehicle:
    """The vehicle after the events that are due."""
    # A step's time is a sum of tenths, which falls short of a tenth of a second at times.
    due = [event for event in vehicle.events if event.time_s <= time_s + 1e-6]
    if not due:
        return vehicle
    now = due[-1]
    return replace(
        vehicle,
        lane=now.lane,
        wished_speed=now.wished_speed,
        braking=now.braking,
        events=vehicle.events[len(due) :],
    )


def _occupies(vehicle: Vehicle, lane: int) -> bool:
    return abs(vehicle.offset - lane * LANE_M) < (LANE_M + vehicle.width) / 2 - 0.5


def _mobil(vehicle: Vehicle, everyone: list[Vehicle], lanes: int) -> int:
    """The lane that MOBIL takes; a change under way is finished first."""
    if abs(vehicle.offset - vehicle.lane * LANE_M) > 0.1:
        return vehicle.lane
    best, best_gain = vehicle.lane, CHANGE_GAIN
    here = follow(vehicle, vehicle.lane, everyone)
    for lane in (vehicle.lane - 1, vehicle.lane + 1):
        if not 0 <= lane < lanes:
            continue
        behind = [
            v for v in everyone if v is not vehicle and v.s <= vehicle.s and _occupies(v, lane)
        ]
        gain = follow(vehicle, lane, everyone) - here
        if behind:
            follower = max(behind, key=lambda other: other.s)
            gap = vehicle.rear - follower.front
            after = idm(follower.speed, follower.wished_speed, gap, follower.speed - vehicle.speed)
            if gap < STANDSTILL_GAP_M or after < -SAFE_BRAKING:
                continue
            gain += POLITENESS * min(after - follow(follower, lane, everyone), 0.0)
        if gain > best_gain:
            best, best_gain = lane, gain
    return best
