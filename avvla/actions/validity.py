"""Validity: which windows of driven path may become action labels, and why the others may not.

A window is 80 samples at 0.1 s: 16 of history, the last of them t0, and 64 that follow. Each has
one reason, the first that applies; "" means valid:

    gap           samples without a pose between samples with one
    too short     no pose at the start or at the end of the window
    nan           a value that is not finite although the sample has a pose
    teleport      faster than MAX_SPEED_MPS or MAX_YAW_RATE_RADPS between samples
    side slip     direction of travel and heading differ by more than MAX_SLIP_RAD
    out of bounds a fit error, and the action is at MAX_ACCELERATION or MAX_CURVATURE: the path
                  demands more than the vehicle can
    fit error     the re-driven action leaves the path by more than the limit asked for
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from avvla.actions.unicycle import cos_sin, length

# Bounds of an action: the Alpamayo action space, curvature as released (|k| <= 0.33 is r >= 3 m).
MAX_ACCELERATION = 9.8
MAX_CURVATURE = 0.33
BOUNDS = np.array([MAX_ACCELERATION, MAX_CURVATURE])
# Curvature is 0 in a step with a slower end (NVlabs/alpamayo#114).
STANDSTILL_MPS = 0.6
# Above any road speed (250 km/h) and any yaw rate of a car that grips (comfort asks < 0.95 rad/s).
MAX_SPEED_MPS = 70.0
MAX_YAW_RATE_RADPS = 3.0
# A car's body slip stays below 0.1 rad; more is a wrong heading. Shorter steps are position noise.
MAX_SLIP_RAD = 0.35
SLIP_STEP_M = 0.3

REASONS = ("gap", "too short", "nan", "teleport", "side slip", "out of bounds", "fit error")

BoolArray = NDArray[np.bool_]
FloatArray = NDArray[np.float64]


def judge_path(xy: FloatArray, yaw: FloatArray, speed: FloatArray | None, dt_s: float) -> list[str]:
    """Reason of each window as far as its samples alone tell.

    Args:
        xy: (N, T, 2) positions [m], any frame.
        yaw: (N, T) headings [rad], wrapped or not.
        speed: (N, T) measured speeds [m/s], or None.
        dt_s: time between samples [s].
    """
    x, y = xy[..., 0], xy[..., 1]
    missing = np.isnan(x) & np.isnan(y) & np.isnan(yaw)
    before = np.logical_and.accumulate(missing, -1)
    after = np.logical_and.accumulate(missing[:, ::-1], -1)[:, ::-1]
    ends = before | after
    finite = np.isfinite(x) & np.isfinite(y) & np.isfinite(yaw)
    if speed is not None:
        finite &= np.isfinite(speed)
    with np.errstate(invalid="ignore", over="ignore"):
        moved = np.diff(x), np.diff(y)
        turned = np.diff(yaw)
        turned = np.abs(turned - 2 * np.pi * np.round(turned / (2 * np.pi)))
        distance = length(*moved)
        jump = (distance > MAX_SPEED_MPS * dt_s) | (turned > MAX_YAW_RATE_RADPS * dt_s)
        if speed is not None:
            jump |= np.abs(speed[:, 1:]) > MAX_SPEED_MPS
        skids = slips(*moved, yaw[:, :-1]) & (distance > SLIP_STEP_M)
    return first_reason(
        {
            "gap": (missing & ~ends).any(-1),
            "too short": ends.any(-1),
            "nan": ~finite.all(-1),
            "teleport": np.any(jump, axis=-1),
            "side slip": np.any(skids, axis=-1),
        }
    )


def slips(east: FloatArray, north: FloatArray, yaw: FloatArray) -> BoolArray:
    """Whether a displacement is off the vehicle's axis by more than MAX_SLIP_RAD, ahead or behind.

    Args:
        east: (...,) displacement along x [m].
        north: (...,) displacement along y [m].
        yaw: (...,) heading at its start [rad].
    """
    cos, sin = cos_sin(yaw)
    ahead, left = east * cos + north * sin, north * cos - east * sin
    off: BoolArray = np.abs(left) > math.tan(MAX_SLIP_RAD) * np.abs(ahead)
    return off


def at_bounds(action: FloatArray) -> BoolArray:
    """(N,) whether a step of `action` (N, T, 2) is at a bound."""
    reached: BoolArray = np.any(np.abs(action) >= BOUNDS, axis=(-1, -2))
    return reached


def first_reason(failed: dict[str, BoolArray]) -> list[str]:
    """Per window the first name of `failed`, in its order, whose array (N,) is true; else ""."""
    table = np.stack(list(failed.values()), -1)
    names = np.array(list(failed))
    return [str(text) for text in np.where(table.any(-1), names[table.argmax(-1)], "")]
