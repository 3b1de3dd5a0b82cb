"""Who succeeded, and who obeyed: positions, headings and speeds decide, never texts."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from avvla.actions.unicycle import DT_S
from avvla.evaluation.drive import Drive
from avvla.world.road_map import LANE_M
from avvla.world.scenario import SLOW_MPS, Scenario

HALF_LANE_M = LANE_M / 2
STANDING_MPS = 0.3
BEHIND_OBSTACLE_M = 20.0
SAME_WAY_RAD = math.radians(45)

Judge = Callable[[Drive, Scenario], bool]


def judged(drive: Drive, scenario: Scenario) -> Drive:
    """The drive with its verdicts; who hit something or left the road has not succeeded."""
    safe = not drive.collided and not drive.off_road
    obeys = OBEDIENCE.get(drive.family)
    return replace(
        drive,
        success=safe and JUDGES[drive.family](drive, scenario),
        obeyed=obeys is None or obeys(drive, scenario),
    )


def _in_lane(drive: Drive) -> bool:
    """The rear axle's centre stays in the lane to be in."""
    return bool(np.abs(drive.offset).max() < HALF_LANE_M)


def _keeps_lane(drive: Drive, scenario: Scenario) -> bool:
    """In the lane, and the car moves on."""
    return _in_lane(drive) and bool(drive.states[-1, 3] > 3.0)


def _stands(drive: Drive, scenario: Scenario) -> bool:
    return bool(drive.states[-1, 3] < STANDING_MPS)


def _stops(drive: Drive, scenario: Scenario) -> bool:
    return _in_lane(drive) and _stands(drive, scenario)


def _is_slow(drive: Drive, scenario: Scenario) -> bool:
    """Within 1.5 m/s of the slow speed over the last three seconds."""
    last = drive.states[-round(3.0 / DT_S) :, 3]
    return bool(np.abs(last - SLOW_MPS).max() < 1.5)


def _slows(drive: Drive, scenario: Scenario) -> bool:
    return _in_lane(drive) and _is_slow(drive, scenario)


def _changes_lane(drive: Drive, scenario: Scenario) -> bool:
    """Within 0.7 m of the new lane's centre over the last two seconds."""
    return bool(np.abs(drive.offset[-round(2.0 / DT_S) :]).max() < 0.7)


def _is_in_lane(drive: Drive, scenario: Scenario) -> bool:
    """At the end in the lane that was asked for, wherever in it."""
    return bool(abs(drive.offset[-1]) < HALF_LANE_M)


def _turns(drive: Drive, scenario: Scenario) -> bool:
    """Through the junction into the commanded exit, within the lane's half width after it."""
    through = drive.road[:, 0] > _end(scenario) + 5.0
    return bool(through.any() and np.abs(drive.offset[through]).max() < HALF_LANE_M)


def _takes_exit(drive: Drive, scenario: Scenario) -> bool:
    """Leaves the junction in the direction of the commanded exit."""
    end = _end(scenario)
    _, _, yaw, _ = scenario.route.curve.at(end + 5.0)
    away = abs(math.remainder(float(drive.states[-1, 2]) - yaw, math.tau))
    return bool(drive.road[-1, 0] > end and away < SAME_WAY_RAD)


def _end(scenario: Scenario) -> float:
    assert scenario.route.junction is not None
    return scenario.route.junction[1]


def _minds_the_lead(drive: Drive, scenario: Scenario) -> bool:
    """In the lane, and not far behind for no reason."""
    return _in_lane(drive) and drive.gap_m < 30.0


def _stops_behind(drive: Drive, scenario: Scenario) -> bool:
    return _stops(drive, scenario) and drive.gap_m < BEHIND_OBSTACLE_M


JUDGES: dict[str, Judge] = {
    "lane_keeping": _keeps_lane,
    "lane_keeping_tight": _keeps_lane,
    "stop": _stops,
    "slow_down": _slows,
    "lane_change": _changes_lane,
    "turn": _turns,
    "straight": _turns,
    "lead": _minds_the_lead,
    "roundabout": _turns,
    "stopped_obstacle": _stops_behind,
    "lead_braking": _minds_the_lead,
    "cut_in": _minds_the_lead,
    "merge": _changes_lane,
}
JUDGED = tuple(JUDGES)
"""Families in the order of the report."""

OBEDIENCE: dict[str, Judge] = {
    "stop": _stands,
    "slow_down": _is_slow,
    "lane_change": _is_in_lane,
    "merge": _is_in_lane,
    "turn": _takes_exit,
    "straight": _takes_exit,
    "roundabout": _takes_exit,
}
"""Families with a command to obey."""
