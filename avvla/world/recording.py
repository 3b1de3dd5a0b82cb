"""Drives of the expert as clips in the terms of NVIDIA's data set.

A clip's time 0 is LEAD_S after the drive's start. Until RELEASE_S the expert follows lines beside
its lane's centre in a perturbed clip; from then on it drives as well as it can, so that every t0
after it has a clean continuation, and recoveries are in the data. Commands begin at RELEASE_S too.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from avvla.actions.unicycle import DT_S
from avvla.physical_ai.camera import FThetaCamera, ideal
from avvla.physical_ai.writer import ClipRecording, Vehicle
from avvla.world import expert
from avvla.world.embedded import EGO_LENGTH_M, EGO_WIDTH_M, EmbeddedWorld
from avvla.world.scenario import (
    CRUISE_MPS,
    FAMILIES,
    FOLLOW,
    PASS,
    RECORDED_KEY,
    Scenario,
    draw_scenario,
)
from avvla.world.traffic import REAR_OVERHANG_M

if TYPE_CHECKING:
    from avvla.config import Synthetic

LEAD_S = 1.6
RELEASE_S = 1.9
FUTURE_S = 6.5
HFOV_DEG = 120.0
BIAS_M = 0.7
WIDEST_BIAS_M = 1.4
WIDE_M, WIDE_SPREAD_M, ONCOMING_M = 0.6, 1.2, 3.5
SWERVE_TICKS, SWERVE_RAD, WIDEST_SWERVE_RAD, SLOWEST_SWERVE_M = 5, 0.12, 0.25, 0.3
GENTLE_MPS2, HARD_MPS2 = 1.0, 5.5
LATE, SPARE_M, FAR_LEAD_M = 0.6, 3.0, 70.0
JUNCTION_MPS, JUNCTION_MPS2, SLOWEST_MPS, FASTEST_MPS = 6.0, 2.0, 2.0, 14.0
# Released behind a junction, a clip still begins under the junction's command: training knows by
# it that the road has oncoming traffic and is not to be seen in a mirror.
APPROACH_M, EXIT_M = 45.0, 8.0
EGOMOTION_US = 10_000
OTHER_REASONS = {FOLLOW: "nothing else was asked", PASS: "the next exit is not the one to take"}
MIX = {
    "lane_keeping": 0.06,
    "lane_keeping_tight": 0.11,
    "sharp_bends": 0.15,
    "stop": 0.05,
    "slow_down": 0.04,
    "lane_change": 0.11,
    "lead": 0.24,
    "turn": 0.15,
    "straight": 0.02,
    "roundabout": 0.07,
}
EGO = Vehicle(
    length=EGO_LENGTH_M,
    width=EGO_WIDTH_M,
    height=1.5,
    wheelbase=2.8,
    rear_axle_to_bbox_center=EGO_LENGTH_M / 2 - REAR_OVERHANG_M,
    track_width=1.6,
)


def synthetic_camera(params: Synthetic) -> FThetaCamera:
    """The embedded front wide camera."""
    return ideal(params.camera_width, params.camera_height, math.radians(HFOV_DEG))


def family_of(index: int) -> str:
    """The family of a clip: exact shares of MIX, spread evenly over the clips."""
    position = (index * 0.6180339887498949) % 1.0
    recorded = [family for family in FAMILIES if family in MIX]
    shares = np.cumsum([MIX[family] for family in recorded])
    return recorded[int(np.searchsorted(shares, position * shares[-1], side="right"))]


def clip_id(seed: int, index: int) -> str:
    """A UUID that depends on nothing but the key."""
    words = np.random.SeedSequence([11, seed, index]).generate_state(4)
    return str(UUID(bytes=words.tobytes(), version=4))


def record(params: Synthetic, seed: int, index: int) -> ClipRecording:
    """Clip `index` of the data set of `seed`."""
    rng = np.random.default_rng([13, seed, index])
    drawn = draw_scenario(family_of(index), RECORDED_KEY, seed, index)
    scenario = _for_recording(drawn, rng)
    world = EmbeddedWorld(synthetic_camera(params), params.randomisation)
    lead_in = _lead_in(scenario, rng, params.perturbed)
    if scenario.family == "lead":
        scenario = _near_leader(scenario, lead_in, rng)
    world.reset(scenario, seed, index, lateral_m=lead_in.bias_m[0])
    last = round((LEAD_S + params.video_s + FUTURE_S) / DT_S)
    lead, every = round(LEAD_S / DT_S), round(1.0 / (params.camera_fps * DT_S))
    video_end = lead + round(params.video_s / DT_S)
    states, frames, frame_us, commands = [], [], [], []
    for tick in range(last + 1):
        states.append((world.x, world.y, world.yaw, world.speed))
        commands.append(world.command)
        if tick >= lead and tick <= video_end and (tick - lead) % every == 0:
            frames.append(world.render())
            frame_us.append(round((tick - lead) * DT_S * 1e6))
        if tick < len(lead_in.bias_m):
            acceleration, curvature = expert.act(world, lead_in.bias_m[tick], lead_in.heedless_mps)
            curvature += lead_in.swerve_rad[tick] / max(world.speed * DT_S, SLOWEST_SWERVE_M)
        else:
            acceleration, curvature = expert.act(world)
        world.step(acceleration, curvature)
    egomotion_us, motion = _egomotion(np.array(states), lead)
    return ClipRecording(
        clip_id=clip_id(seed, index),
        frame_us=np.array(frame_us, np.int64),
        frames=np.stack(frames),
        events=_events(commands, scenario, lead),
        egomotion_us=egomotion_us,
        pose=motion[:, :3],
        speed=motion[:, 3],
        acceleration=motion[:, 4],
        curvature=motion[:, 5],
        vehicle=EGO,
    )


@dataclass(frozen=True)
class LeadIn:
    """How the expert drives until the release: beside its line, swerving, and heedless or not."""

    bias_m: NDArray[np.float64]
    """(ticks,) line driven, in metres left of the lane's centre."""
    swerve_rad: NDArray[np.float64]
    """(ticks,) turn beside what the line asks for, left positive."""
    heedless_mps: float | None
    """Speed driven whatever comes, or None."""


def _for_recording(scenario: Scenario, rng: np.random.Generator) -> Scenario:
    """The scenario begun elsewhere and at any speed, its command given at the release.

    A speed command is given at once in some clips, so that its end (standing, driving slowly)
    is seen too.
    """
    if scenario.route.junction:
        return _at_junction(scenario, scenario.route.junction, rng)
    early = scenario.family in ("stop", "slow_down") and rng.uniform() < 0.4
    begin = 0.0 if early else LEAD_S + RELEASE_S
    speed = float(rng.uniform(4.0, FASTEST_MPS))
    back = float(rng.uniform(0.0, 50.0))
    return replace(scenario, start_s=scenario.start_s - back, speed=speed, command_s=begin)


def _at_junction(
    scenario: Scenario, junction: tuple[float, float], rng: np.random.Generator
) -> Scenario:
    """The scenario begun such that the release is anywhere before, in or just behind the junction.

    All of a turn has to be in the samples, its end as much as its begin. The speed at the release
    is one at which the junction may be driven, or can still be slowed for.
    """
    release_s = float(rng.uniform(junction[0] - APPROACH_M, junction[1] + EXIT_M))
    way = max(junction[0] - release_s, 0.0)
    fastest = min(math.sqrt(JUNCTION_MPS**2 + 2.0 * JUNCTION_MPS2 * way), FASTEST_MPS)
    speed = float(rng.uniform(SLOWEST_MPS, fastest))
    start_s = release_s - speed * (LEAD_S + RELEASE_S)
    return replace(scenario, start_s=start_s, speed=speed, command_s=0.0)


def _lead_in(scenario: Scenario, rng: np.random.Generator, perturbed: float) -> LeadIn:
    release = round((LEAD_S + RELEASE_S) / DT_S)
    bias, swerve = np.zeros(release), np.zeros(release)
    obeys = scenario.family in ("stop", "slow_down") and scenario.command_s == 0.0
    if obeys or rng.uniform() >= perturbed:
        return LeadIn(bias, swerve, None)
    if scenario.family == "turn":
        # Who turns right too late is in the oncoming lane: the way back has to be seen.
        first, second = np.clip(rng.normal(WIDE_M, WIDE_SPREAD_M, 2), -WIDEST_BIAS_M, ONCOMING_M)
    else:
        first, second = np.clip(rng.normal(0.0, BIAS_M, 2), -WIDEST_BIAS_M, WIDEST_BIAS_M)
    switch = int(rng.integers(round(0.3 * release), release))
    bias[:switch], bias[switch:] = first, second
    # Just before the release, or the expert would have mended it by then.
    turn = float(np.clip(rng.normal(0.0, SWERVE_RAD), -WIDEST_SWERVE_RAD, WIDEST_SWERVE_RAD))
    swerve[-SWERVE_TICKS:] = turn / SWERVE_TICKS
    if scenario.route.junction:
        return LeadIn(bias, swerve, scenario.speed)
    fast = rng.uniform() < 0.5
    return LeadIn(bias, swerve, CRUISE_MPS if fast else float(rng.uniform(0.5, 13.0)))


def _near_leader(scenario: Scenario, lead_in: LeadIn, rng: np.random.Generator) -> Scenario:
    """The scenario with its leader near, but avoidable, at the release.

    In LATE of the clips the braking that the leader then needs, w^2 / 2d for closing speed w and
    gap d, is uniform up to HARD_MPS2: an agent that has begun to brake too late or too gently
    must have seen how to go on. In the others the gap is uniform.
    """
    ticks = round((LEAD_S + RELEASE_S) / DT_S)
    wanted = CRUISE_MPS if lead_in.heedless_mps is None else lead_in.heedless_mps
    reached, driven = scenario.speed, 0.0
    for _ in range(ticks):
        driven += reached * DT_S
        reached += expert.heedless_acceleration(reached, wanted) * DT_S
    leader, *others = scenario.vehicles
    closing = max(reached - leader.speed, 0.0)
    if rng.uniform() < LATE:
        braking = float(rng.uniform(GENTLE_MPS2, HARD_MPS2))
        spare = float(rng.uniform(SPARE_M, expert.GAP_M))
        gap = min(closing**2 / (2.0 * braking) + spare, FAR_LEAD_M)
    else:
        gap = float(rng.uniform(closing**2 / (2.0 * HARD_MPS2) + SPARE_M, FAR_LEAD_M))
    front = scenario.start_s + driven + EGO_LENGTH_M - REAR_OVERHANG_M
    s = front + gap + REAR_OVERHANG_M - leader.speed * ticks * DT_S
    return replace(scenario, vehicles=(replace(leader, s=s), *others))


def _events(commands: list[str], scenario: Scenario, lead: int) -> tuple[tuple[int, str], ...]:
    reasons = {**OTHER_REASONS, scenario.command: scenario.reason}
    events = []
    for tick, command in enumerate(commands):
        if tick == 0 or command != commands[tick - 1]:
            text = f"{command} because {reasons[command]}."
            events.append((round((tick - lead) * DT_S * 1e6), text))
    return tuple(events)


def _egomotion(
    states: NDArray[np.float64], lead: int
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """100 Hz times (M,) [us] and motion (M, 6): x, y, yaw in the anchor frame, v, a, curvature.

    Linear between the 10 Hz states, which it hits exactly.
    """
    x0, y0, yaw0, _ = states[lead]
    cos, sin = math.cos(yaw0), math.sin(yaw0)
    xy = (states[:, :2] - (x0, y0)) @ np.array([[cos, -sin], [sin, cos]])
    pose = np.concatenate([xy, states[:, 2:3] - yaw0], axis=1)
    speed = states[:, 3]
    acceleration = np.diff(speed, append=speed[-1]) / DT_S
    turned = np.diff(pose[:, 2], append=pose[-1, 2])
    curvature = np.where(speed > 0.05, turned / np.maximum(speed * DT_S, 1e-3), 0.0)
    tick_us = (np.arange(len(states)) - lead) * round(DT_S * 1e6)
    fine_us = np.arange(tick_us[0], tick_us[-1] + 1, EGOMOTION_US, dtype=np.int64)
    columns = np.concatenate([pose, np.stack([speed, acceleration, curvature], -1)], axis=1)
    fine = np.stack([np.interp(fine_us, tick_us, column) for column in columns.T], axis=-1)
    return fine_us, fine
