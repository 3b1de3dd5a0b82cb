"""Comfort of driven states: NAVSIM's filters and bounds, and what they leave out.

    longitudinal acceleration  -4.05 to 2.40 m/s^2      lateral acceleration  +-4.89 m/s^2
    jerk of its magnitude      +-8.37 m/s^3             longitudinal jerk     +-4.13 m/s^3
    yaw acceleration           +-1.93 rad/s^2           yaw rate              +-0.95 rad/s

The bounds are open. Signals are Savitzky-Golay filtered and rounded to 8 digits, as in the devkit.
Its bicycle has no lateral acceleration, so that bound never fires on tracked plans; `lateral` is
the true one, v times yaw rate, which `corrected` uses in its place.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.signal import savgol_filter

from avvla.evaluation.pdm.tracker import AX, AY, HEADING, VX, YAW_ACCELERATION, YAW_RATE
from avvla.evaluation.pdm.vehicle import DT_S, REAR_TO_CENTRE_M

Array = NDArray[np.float64]
Variant = Literal["pdms_v1.1", "epdms_v2.2"]

BOUNDS: dict[str, tuple[float, float]] = {
    "lon_accel": (-4.05, 2.40),
    "lat_accel": (-4.89, 4.89),
    "abs_jerk": (-8.37, 8.37),
    "lon_jerk": (-4.13, 4.13),
    "yaw_accel": (-1.93, 1.93),
    "yaw_rate": (-0.95, 0.95),
}
EXTENDED_BOUNDS = {"acceleration": 0.7, "jerk": 0.5, "yaw_rate": 0.1, "yaw_accel": 0.1}
"""Largest root mean square difference of two plans."""
HISTORY = 14
"""States before the present, from -1.5 s to -0.2 s."""
_DIGITS = 8


def lateral(states: Array) -> Array:
    """(P, T) true lateral acceleration of the rear axle, v times yaw rate [m/s^2]."""
    return states[..., VX] * states[..., YAW_RATE]


def signals(states: Array, variant: Variant, *, corrected: bool = False) -> dict[str, Array]:
    """Filtered signals (P, T) of states (P, T, 11), by the names of BOUNDS."""
    ax, ay = states[..., AX], states[..., AY]
    if corrected:
        ay = lateral(states)
    magnitude = np.asarray(np.hypot(ax, ay), np.float64)
    heading = np.asarray(np.unwrap(states[..., HEADING], axis=-1), np.float64)
    if variant == "epdms_v2.2":
        # At the centre of the box, as the devkit has it.
        rate, turn = states[..., YAW_RATE], states[..., YAW_ACCELERATION]
        ax = ax + REAR_TO_CENTRE_M * rate**2 + REAR_TO_CENTRE_M * turn
        window, jerk = 8, 15
    else:
        window, jerk = 41, 41
    smooth_ax = _filter(ax, 8, 2)
    return {
        "lon_accel": _filter(ax, window, 2),
        "lat_accel": _filter(ay, window, 2),
        "abs_jerk": _filter(_filter(magnitude, 8, 2), jerk, 2, 1),
        "lon_jerk": _filter(smooth_ax, jerk, 2, 1),
        "yaw_accel": _filter(heading, 5, 3, 2),
        "yaw_rate": _filter(heading, 5, 2, 1),
    }


def flags(found: dict[str, Array]) -> dict[str, NDArray[np.bool_]]:
    """(P,) whether a signal stays within its bounds."""
    return {
        name: np.all((low < found[name]) & (found[name] < high), -1)
        for name, (low, high) in BOUNDS.items()
    }


def comfortable(states: Array, variant: Variant, *, corrected: bool = False) -> Array:
    """(P,) 1 where all signals stay within their bounds."""
    found = flags(signals(states, variant, corrected=corrected))
    together: Array = np.all(list(found.values()), 0).astype(float)
    return together


def history(rows: Array, *, corrected: bool = False) -> Array:
    """States before the present, from those that the log has.

    Args:
        rows: (n, 8) time [s], x, y, heading, vx, vy, ax, ay, times ascending.
        corrected: have one at -0.1 s, which the devkit leaves out although it takes all samples as
            0.1 s apart.

    Returns:
        (14, 11), or (15, 11) if `corrected`.
    """
    time_s = np.arange(-15, 0 if corrected else -1) * DT_S
    states = np.zeros((len(time_s), 11))
    for column in range(1, 8):
        known = np.unwrap(rows[:, column]) if column == 1 + HEADING else rows[:, column]
        states[:, column - 1] = np.interp(time_s, rows[:, 0], known)
    return states


def extended(previous: Array, current: Array, gap_s: float) -> tuple[dict[str, float], bool]:
    """How far two plans of successive moments differ where they overlap (extended comfort).

    Args:
        previous: (41, 11) states of the earlier plan.
        current: (41, 11) states of the later one.
        gap_s: between the two.

    Returns:
        Root mean square differences by the names of EXTENDED_BOUNDS; whether all are within.
    """
    shift = round(gap_s / DT_S)
    ours, theirs = _extended_signals(current[:-shift]), _extended_signals(previous[shift:])
    rms = {
        name: float(np.sqrt(np.mean((ours[name] - theirs[name]) ** 2))) for name in EXTENDED_BOUNDS
    }
    return rms, all(rms[name] <= bound for name, bound in EXTENDED_BOUNDS.items())


def _extended_signals(states: Array) -> dict[str, Array]:
    length = np.asarray(np.hypot(states[:, AX], states[:, AY]), np.float64)
    magnitude = _filter(length, 8, 2)
    heading = np.asarray(np.unwrap(states[:, HEADING]), np.float64)
    return {
        "acceleration": magnitude,
        "jerk": _filter(magnitude, 15, 2, 1),
        "yaw_rate": _filter(heading, 5, 2, 1),
        "yaw_accel": _filter(heading, 5, 2, 2),
    }


def _filter(values: Array, window: int, order: int, derivative: int = 0) -> Array:
    width = min(window, values.shape[-1])
    found = savgol_filter(values, width, order, deriv=derivative, delta=DT_S, axis=-1)
    rounded: Array = np.round(found, _DIGITS)
    return rounded
