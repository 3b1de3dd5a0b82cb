"""The expert: a state-feedback driver that sees the map and obeys commands.

Steering to the line `target` metres left of the route, with lateral error e and heading error psi:
    psi* = -clip(e / (4 L), +-PSI_MAX),  kappa = kappa_route + (psi* - psi) / L,  L = max(3, 0.35 v)
which is critically damped in distance for small e and crosses a lane at PSI_MAX v for large e. It
is a function of the present state only, so one picture and the speed suffice to imitate it.
Speed: a proportional law towards the command's speed, limited by the curvature ahead at
LATERAL_MPS2 and by IDM behind a leader. Metres, radians, seconds.
"""

from __future__ import annotations

import math

import numpy as np

from avvla.actions.unicycle import DT_S
from avvla.world.curve import STEP_M
from avvla.world.embedded import EmbeddedWorld
from avvla.world.road_map import LANE_M
from avvla.world.scenario import CRUISE_MPS, SLOW_MPS
from avvla.world.traffic import HARDEST_BRAKING, leader

PSI_MAX = 0.13
LATERAL_MPS2 = 2.2
SLOWING_MPS2 = 1.5
BRAKING_MPS2 = 2.5
SPEEDING_MPS2 = 1.5
LOOKAHEAD_M = 60.0
CURVATURE_MAX = 0.2
SPEED_GAIN, BEND_GAIN = 0.6, 2.5
HEADWAY_S = 1.0
GAP_M = 8.0
ONSET_MPS2, FULL_MPS2 = 1.4, 2.2


def act(
    world: EmbeddedWorld, bias_m: float = 0.0, heedless_mps: float | None = None
) -> tuple[float, float]:
    """Acceleration [m/s^2] and curvature [1/m].

    To make situations that need a recovery, `bias_m` shifts the line that is driven, and
    `heedless_mps` is driven whatever command, bend or leader comes.
    """
    return _acceleration(world, heedless_mps), _curvature(world, bias_m)


def _curvature(world: EmbeddedWorld, bias_m: float) -> float:
    target = world.target_lane * LANE_M + bias_m
    _, _, yaw, bend = world.scenario.route.curve.at(world.s + 0.5 * world.speed * DT_S)
    bend /= max(1.0 - bend * target, 0.3)
    error = world.lateral - target
    psi = math.remainder(world.yaw - yaw, math.tau)
    scale = max(3.0, 0.35 * world.speed)
    wanted = -min(max(error / (4.0 * scale), -PSI_MAX), PSI_MAX)
    curvature = bend + (wanted - psi) / scale
    limit = min(CURVATURE_MAX, 4.5 / max(world.speed, 0.1) ** 2)
    return min(max(curvature, -limit), limit)


def _acceleration(world: EmbeddedWorld, heedless_mps: float | None) -> float:
    if heedless_mps is not None:
        return heedless_acceleration(world.speed, heedless_mps)
    wanted = {"Stop": 0.0, "Slow down": SLOW_MPS}.get(world.command, CRUISE_MPS)
    gain = 1.0 if wanted == 0.0 else SPEED_GAIN
    # The speed for bends falls with the way to them: a lax gain would lag behind it.
    bends = BEND_GAIN * (_speed_for_bends(world) - world.speed)
    free = _bounded(min(gain * (wanted - world.speed), bends))
    ego = world.as_vehicle()
    minding = [
        _behind(world.speed, *leader(ego, lane, world.vehicles))
        for lane in {world.lane, world.target_lane}
    ]
    acceleration = min([free, *minding])
    standing = world.speed < 0.3 and acceleration <= 0.0
    return -world.speed / DT_S if standing else max(acceleration, -world.speed / DT_S)


def heedless_acceleration(speed: float, wanted: float) -> float:
    """Acceleration [m/s^2] from `speed` towards `wanted` [m/s] that minds nothing else."""
    return _bounded(SPEED_GAIN * (wanted - speed))


def _bounded(acceleration: float) -> float:
    return min(max(acceleration, -BRAKING_MPS2), SPEEDING_MPS2)


def _behind(speed: float, gap: float, leader_speed: float) -> float:
    """Acceleration [m/s^2] that minds a leader; infinite where it needs no minding."""
    wanted_gap = GAP_M + HEADWAY_S * leader_speed
    closing = max(speed - leader_speed, 0.0)
    needed = closing**2 / (2.0 * max(gap - wanted_gap, 0.5))
    acceleration = math.inf
    if needed > ONSET_MPS2:
        share = min((needed - ONSET_MPS2) / (FULL_MPS2 - ONSET_MPS2), 1.0)
        acceleration = -share * needed
    if gap < wanted_gap:
        acceleration = min(acceleration, 0.3 * (gap - wanted_gap) - 0.5 * closing)
    elif gap < wanted_gap + 10.0:
        # Near the wanted gap the leader's speed is the limit, not the cruising speed.
        acceleration = min(acceleration, 0.5 * (leader_speed - speed) + 0.1 * (gap - wanted_gap))
    return max(acceleration, -HARDEST_BRAKING)


def _speed_for_bends(world: EmbeddedWorld) -> float:
    curvature = world.scenario.route.curve.curvature
    first = min(max(int(world.s / STEP_M), 0), len(curvature) - 1)
    ahead = np.abs(curvature[first : first + int(LOOKAHEAD_M / STEP_M)])
    distance = np.arange(len(ahead)) * STEP_M
    squared = LATERAL_MPS2 / np.maximum(ahead, 1e-3) + 2.0 * SLOWING_MPS2 * distance
    return math.sqrt(float(squared.min()))
