"""Commands from the driven path alone, without map or camera, and what contradicts a command.

The thresholds are those of NVIDIA's auto-labeller (alpamayo-coc-autolabeler, src/meta_action),
applied to the 6.4 s after t0; signs: left and counter-clockwise positive. First match wins:

    Stop        mean speed <= 0.12 m/s over the last 0.8 s (its shortest segment)
    Turn        |heading change| >= 0.2 rad, and >= 0.04 rad/m over the steps that turn its way
    Slow down   mean acceleration <= -0.15 m/s^2 and speed change <= -0.8 m/s
    Speed up    mean acceleration >= 0.15 m/s^2 and speed change >= 0.8 m/s
    Follow the lane otherwise

What ego motion decides alone is certain. A turn as tight as at a junction is likely: it could be a
bend. Where a lane change and a curve look alike, "Follow the lane" is ambiguous. A window that fits
no command (reversing, not finite) is "Follow the lane" as unknown. A label from the future path
leaks the target: report a constant command beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from avvla.actions.fit import T0
from avvla.actions.unicycle import DT_S, HORIZON
from avvla.labels.instruction import AMBIGUOUS, LIKELY, NEUTRAL, Instruction, unknown
from avvla.labels.taxonomy import Command, command

STOP_MPS = 0.12
STOP_STEPS = 8
REVERSE_MPS = -0.12
ACCELERATION = 0.15
SPEED_CHANGE_MPS = 0.8
HEADING_CHANGE_RAD = 0.2
TURN_RATE = 0.04
STEER_RATE = 0.0015
LANE_OFFSET_M = 1.0
# No car turns by 0.2 rad in less: that is heading noise at standstill.
MIN_DISTANCE_M = 0.5

REVERSES = "reverses, or has values that are not finite"
_SIDES = {"left": 1, "right": -1}

BoolArray = NDArray[np.bool_]
FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Motion:
    """What N windows do in the 6.4 s after t0."""

    stops: BoolArray
    slows: BoolArray
    speeds_up: BoolArray
    turn: NDArray[np.int64]
    """(N,) 1 turns left, -1 turns right, 0 neither."""
    drifts: BoolArray
    """(N,) leaves the line of the heading at t0 by a lane change's offset."""
    unknown: BoolArray
    """(N,) reverses, or has values that are not finite."""


def motion(xy: FloatArray, yaw: FloatArray, speed: FloatArray) -> Motion:
    """Measure windows of positions (N, 80, 2), headings (N, 80) and speeds (N, 80), any frame."""
    finite: BoolArray = np.isfinite(np.concatenate([xy, yaw[..., None], speed[..., None]], -1))
    finite = np.all(finite[:, T0:], axis=(-1, -2))
    xy = np.where(finite[:, None, None], xy[:, T0:], 0.0)
    yaw = np.unwrap(np.where(finite[:, None], yaw[:, T0:], 0.0), axis=-1)
    speed = np.where(finite[:, None], speed[:, T0:], 0.0)
    moved, turned = np.diff(xy, axis=-2), np.diff(yaw)
    distance = np.hypot(moved[..., 0], moved[..., 1])
    along = (moved[..., 0] * np.cos(yaw[:, :-1]) + moved[..., 1] * np.sin(yaw[:, :-1])).sum(-1)
    change = speed[:, -1] - speed[:, 0]
    mean_acceleration = change / (HORIZON * DT_S)
    heading_change = yaw[:, -1] - yaw[:, 0]
    side = np.sign(heading_change)[:, None]
    # The approach to a junction is straight: only the steps that turn make up the segment.
    turning = turned * side >= STEER_RATE * np.maximum(distance, 1e-9)
    arc_m = np.where(turning, distance, 0.0).sum(-1)
    arc_rad = np.where(turning, turned * side, 0.0).sum(-1)
    turns = (
        (np.abs(heading_change) >= HEADING_CHANGE_RAD)
        & (arc_rad >= TURN_RATE * arc_m)
        & (arc_m >= MIN_DISTANCE_M)
    )
    offset = xy - xy[:, :1]
    left = offset[..., 1] * np.cos(yaw[:, :1]) - offset[..., 0] * np.sin(yaw[:, :1])
    return Motion(
        stops=np.abs(speed[:, -STOP_STEPS:]).mean(-1) <= STOP_MPS,
        slows=(mean_acceleration <= -ACCELERATION) & (change <= -SPEED_CHANGE_MPS),
        speeds_up=(mean_acceleration >= ACCELERATION) & (change >= SPEED_CHANGE_MPS),
        turn=np.where(turns, side[:, 0], 0).astype(np.int64),
        drifts=np.abs(left).max(-1) >= LANE_OFFSET_M,
        unknown=~finite | (along / (HORIZON * DT_S) <= REVERSE_MPS),
    )


def label_windows(does: Motion) -> list[Instruction]:
    """The instruction of each of N windows."""
    rules = (
        (does.unknown, unknown(REVERSES)),
        (does.stops, Instruction(command("Stop"))),
        (does.turn > 0, Instruction(command("Turn left"), LIKELY)),
        (does.turn < 0, Instruction(command("Turn right"), LIKELY)),
        (does.slows, Instruction(command("Slow down"))),
        (does.speeds_up, Instruction(command("Speed up"))),
        (does.drifts, Instruction(NEUTRAL, AMBIGUOUS)),
        (np.full_like(does.unknown, True), Instruction(NEUTRAL)),
    )
    first = np.argmax([condition for condition, _ in rules], axis=0)
    return [rules[i][1] for i in first]


def consistent(commands: Sequence[Command], does: Motion) -> BoolArray:
    """(N,) whether the motion does not contradict the command.

    A command may still lie ahead (a turn after the window), so its absence contradicts nothing; its
    opposite does, and driving that fits no command. The side of a lane change or a nudge is judged
    by turns only: without a map its offset cannot be told from a curve's.
    """
    texts = np.array([command.text for command in commands], np.str_)
    side = np.array([_SIDES.get(command.direction, 0) for command in commands], np.int64)
    opposite = (
        (side * does.turn < 0)
        | ((texts == "Go straight") & (does.turn != 0))
        | (np.isin(texts, ("Stop", "Slow down")) & does.speeds_up)
        | (np.isin(texts, ("Speed up", "Speed up to overtake")) & (does.slows | does.stops))
    )
    contradicted: BoolArray = opposite | does.unknown
    return ~contradicted
