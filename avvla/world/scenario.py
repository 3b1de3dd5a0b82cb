"""Scenario families of the embedded world, each drawn from a seed.

A scenario fixes the road, the ego's start, the other vehicles and the one command that the ego is
given `command_s` seconds after the start; until then, and once a lane change or a turn is done,
the command is "Follow the lane". In a roundabout it is about the next exit: "Go straight" passes
it, "Turn right" takes it, for a picture does not tell how many have been passed. Nothing about a
scenario is random after it is drawn.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from avvla.world.road_map import (
    LANE_M,
    RoadMap,
    Route,
    crossroad,
    narrowing_road,
    roundabout,
    winding_road,
)
from avvla.world.traffic import Event, Vehicle

RECORDED_KEY, PLAYED_KEY, JUDGED_KEY = 1, 3, 4
"""First part of a key: no road that is recorded is judged or played on.

The roads of key 2 were judged while the embedded profile was tuned, so no figure comes from them.
"""
FOLLOW, PASS = "Follow the lane", "Go straight"
CRUISE_MPS = 12.0
SLOW_MPS = 5.0
ROAD_M = 620.0
CUT_GAP_M = (14.0, 24.0)
"""From the ego's rear axle to that of the vehicle that cuts in."""
LANE_END_M = (140.0, 180.0)
"""From the start to where the ego's lane has ended."""
COLOURS = (
    (60, 60, 160),
    (160, 50, 45),
    (200, 200, 205),
    (35, 35, 40),
    (170, 140, 60),
    (50, 110, 70),
)


@dataclass(frozen=True)
class Scenario:
    """One situation to drive: see the module's docstring; metres, seconds, m/s."""

    family: str
    route: Route
    road_map: RoadMap
    vehicles: tuple[Vehicle, ...]
    start_s: float
    lane: int
    speed: float
    command: str = FOLLOW
    command_s: float = 0.0
    reason: str = "nothing else was asked"


def _road(
    rng: np.random.Generator, tightest: float, widest: float = 400.0, lanes: int | None = None
) -> tuple[Route, RoadMap, int]:
    lanes = lanes or int(rng.integers(2, 4))
    route, road_map = winding_road(rng, ROAD_M, tightest, widest, lanes)
    return route, road_map, int(rng.integers(0, lanes))


def _start(rng: np.random.Generator) -> tuple[float, float]:
    return float(rng.uniform(60.0, 90.0)), float(rng.uniform(10.0, 13.0))


def _vehicle(
    rng: np.random.Generator,
    s: float,
    lane: int,
    speed: float,
    wished: float,
    changes: bool = False,
) -> Vehicle:
    colour = COLOURS[int(rng.integers(len(COLOURS)))]
    truck = rng.uniform() < 0.15
    length, width, height = (8.0, 2.4, 3.0) if truck else (4.6, 1.85, 1.5)
    return Vehicle(
        s, lane, lane * LANE_M, speed, wished, length, width, height, colour, changes_lane=changes
    )


def _traffic(
    rng: np.random.Generator, start_s: float, lanes: int, lane: int
) -> tuple[Vehicle, ...]:
    """Up to three vehicles: far ahead in the ego's lane, anywhere in the others."""
    vehicles: list[Vehicle] = []
    for _ in range(int(rng.integers(0, 4))):
        other = int(rng.integers(0, lanes))
        ahead = rng.uniform(60.0, 110.0) if other == lane else rng.uniform(-20.0, 90.0)
        if all(other != v.lane or abs(start_s + ahead - v.s) > 20.0 for v in vehicles):
            speed = rng.uniform(10.0, 14.0) if other != lane else rng.uniform(12.5, 14.0)
            vehicles.append(
                _vehicle(rng, start_s + ahead, other, speed, speed, rng.uniform() < 0.3)
            )
    return tuple(vehicles)


def _keeping(
    family: str, tightest: float, widest: float
) -> Callable[[np.random.Generator], Scenario]:
    def draw(rng: np.random.Generator) -> Scenario:
        route, road_map, lane = _road(rng, tightest, widest)
        start_s, speed = _start(rng)
        traffic = _traffic(rng, start_s, route.lanes, lane)
        return Scenario(family, route, road_map, traffic, start_s, lane, speed)

    return draw


def _speed_command(
    family: str, command: str, reason: str
) -> Callable[[np.random.Generator], Scenario]:
    def draw(rng: np.random.Generator) -> Scenario:
        route, road_map, lane = _road(rng, 50.0)
        start_s, speed = _start(rng)
        traffic = _traffic(rng, start_s, route.lanes, lane)
        return Scenario(
            family, route, road_map, traffic, start_s, lane, speed, command, 2.0, reason
        )

    return draw


def _lane_change(rng: np.random.Generator) -> Scenario:
    route, road_map, _ = _road(rng, 60.0)
    left = bool(rng.uniform() < 0.5)
    lane = int(rng.integers(0, route.lanes - 1)) + (0 if left else 1)
    start_s, speed = _start(rng)
    target = lane + (1 if left else -1)
    others = tuple(
        v
        for v in _traffic(rng, start_s, route.lanes, lane)
        if v.lane != target or v.s > start_s + 50.0
    )
    command = "Change lane left" if left else "Change lane right"
    reason = f"the lane to the {'left' if left else 'right'} is free"
    return Scenario(
        "lane_change", route, road_map, others, start_s, lane, speed, command, 2.0, reason
    )


def _lead(rng: np.random.Generator) -> Scenario:
    """A stopped or slower vehicle ahead in the lane."""
    route, road_map, lane = _road(rng, 60.0)
    start_s, speed = _start(rng)
    stopped = rng.uniform() < 0.6
    wished = 0.0 if stopped else float(rng.uniform(2.0, 7.0))
    gap = float(rng.uniform(35.0, 90.0))
    lead = _vehicle(rng, start_s + gap, lane, wished, wished)
    others = tuple(v for v in _traffic(rng, start_s, route.lanes, lane) if v.lane != lane)
    return Scenario("lead", route, road_map, (lead, *others), start_s, lane, speed)


def _stopped_obstacle(rng: np.random.Generator) -> Scenario:
    """A vehicle that has broken down stands in the lane."""
    route, road_map, lane = _road(rng, 80.0)
    start_s, speed = _start(rng)
    stopped = _vehicle(rng, start_s + float(rng.uniform(50.0, 100.0)), lane, 0.0, 0.0)
    others = tuple(v for v in _traffic(rng, start_s, route.lanes, lane) if v.lane != lane)
    return Scenario("stopped_obstacle", route, road_map, (stopped, *others), start_s, lane, speed)


def _lead_braking(rng: np.random.Generator) -> Scenario:
    """The vehicle ahead drives at the ego's speed, then brakes to a stand."""
    route, road_map, lane = _road(rng, 80.0)
    start_s, speed = _start(rng)
    lead = _vehicle(rng, start_s + float(rng.uniform(24.0, 34.0)), lane, speed, CRUISE_MPS)
    brakes = Event(float(rng.uniform(2.0, 5.0)), lane, 0.0, float(rng.uniform(1.5, 3.5)))
    return Scenario(
        "lead_braking", route, road_map, (replace(lead, events=(brakes,)),), start_s, lane, speed
    )


def _cut_in(rng: np.random.Generator) -> Scenario:
    """A slower vehicle from the lane beside moves into the ego's, CUT_GAP_M ahead of it."""
    route, road_map, lane = _road(rng, 100.0)
    start_s, speed = _start(rng)
    beside = lane + 1 if lane == 0 or (lane + 1 < route.lanes and rng.uniform() < 0.5) else lane - 1
    slower, time_s = float(rng.uniform(7.0, 10.0)), float(rng.uniform(2.0, 4.0))
    gap = float(rng.uniform(*CUT_GAP_M)) + (CRUISE_MPS - slower) * time_s
    other = _vehicle(rng, start_s + gap, beside, slower, slower)
    cuts = Event(time_s, lane, slower)
    return Scenario(
        "cut_in", route, road_map, (replace(other, events=(cuts,)),), start_s, lane, speed
    )


def _merge(rng: np.random.Generator) -> Scenario:
    """The ego's lane ends; it is told to change to the other, where others drive."""
    start_s, speed = _start(rng)
    route, road_map = narrowing_road(
        rng, 100.0, 400.0, ROAD_M, start_s + float(rng.uniform(*LANE_END_M))
    )
    ahead = _vehicle(rng, start_s + float(rng.uniform(18.0, 40.0)), 1, speed, CRUISE_MPS)
    behind = _vehicle(rng, start_s - float(rng.uniform(20.0, 35.0)), 1, speed - 1.0, CRUISE_MPS)
    return Scenario(
        "merge",
        route,
        road_map,
        (ahead, behind),
        start_s,
        0,
        speed,
        "Change lane left",
        1.0,
        "the lane ends ahead",
    )


def _junction(
    family: str,
    layout: Callable[[str, float, float], tuple[Route, RoadMap]],
    radius: tuple[float, float],
    turns: tuple[str, ...],
) -> Callable[[np.random.Generator], Scenario]:
    def draw(rng: np.random.Generator) -> Scenario:
        turn = turns[int(rng.integers(len(turns)))]
        approach = float(rng.uniform(110.0, 130.0))
        route, road_map = layout(turn, approach, float(rng.uniform(*radius)))
        assert route.junction is not None
        start_s = route.junction[0] - float(rng.uniform(38.0, 52.0))
        speed = float(rng.uniform(7.0, 11.0))
        if family == "roundabout":
            command, reason = "Turn right", "the next exit is the one to take"
        else:
            command = PASS if turn == "straight" else f"Turn {turn}"
            reason = f"the route goes {'ahead' if turn == 'straight' else f'to the {turn}'}"
        return Scenario(family, route, road_map, (), start_s, 0, speed, command, 0.0, reason)

    return draw


FAMILIES: dict[str, Callable[[np.random.Generator], Scenario]] = {
    "lane_keeping": _keeping("lane_keeping", 67.0, 400.0),
    "lane_keeping_tight": _keeping("lane_keeping_tight", 33.0, 400.0),
    "stop": _speed_command("stop", "Stop", "the Commander asks for it"),
    "slow_down": _speed_command("slow_down", "Slow down", "the Commander asks for it"),
    "lane_change": _lane_change,
    "lead": _lead,
    "turn": _junction("turn", crossroad, (9.0, 12.0), ("left", "right")),
    "straight": _junction("straight", crossroad, (9.0, 12.0), ("straight",)),
    "roundabout": _junction("roundabout", roundabout, (12.0, 16.0), ("left", "straight", "right")),
    # Recorded but not judged: the sharpest bends are rare on the roads of lane_keeping_tight.
    "sharp_bends": _keeping("sharp_bends", 30.0, 90.0),
    # Judged but not recorded: what an agent makes of situations that it has not been shown.
    "stopped_obstacle": _stopped_obstacle,
    "lead_braking": _lead_braking,
    "cut_in": _cut_in,
    "merge": _merge,
}


def draw_scenario(family: str, *key: int) -> Scenario:
    """The scenario of a family for a key of integers; equal keys give equal scenarios."""
    index = list(FAMILIES).index(family)
    return FAMILIES[family](np.random.default_rng([index, *key]))
