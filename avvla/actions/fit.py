"""The inverse of the unicycle: from a driven path to an initial speed and 64 actions.

Two methods behind one function: `joint` (`avvla.actions.joint`), close and smooth, and
`sequential` (`avvla.actions.sequential`), the reference's. A label is fitted through the
integrator that decodes it. Whatever the method, |a| <= 9.8 m/s^2, |k| <= 0.33 1/m, and k is 0 in a
step that begins or ends slower than 0.6 m/s, where it would be noise of the heading over almost no
distance (NVlabs/alpamayo#113, #114).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from avvla.actions.joint import joint
from avvla.actions.sequential import initial_speed, sequential
from avvla.actions.unicycle import DT_S, HORIZON, check_integrator, length, rollout
from avvla.actions.validity import BOUNDS, at_bounds, first_reason, judge_path
from avvla.errors import UserError, one_of

HISTORY = 16
WINDOW = HISTORY + HORIZON
T0 = HISTORY - 1

Method = Literal["joint", "sequential"]
METHODS: tuple[Method, ...] = get_args(Method)

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Fit:
    """Labels of N windows, local frame; NaN where a window cannot be fitted (see `validity`)."""

    v0: FloatArray
    """(N,) speed at t0 [m/s]."""
    action: FloatArray
    """(N, 64, 2) acceleration [m/s^2], curvature [1/m]."""
    trajectory: FloatArray
    """(N, 64, 3) x, y [m], yaw [rad] of the action driven again."""
    ade: FloatArray
    """(N,) mean distance between the trajectory and the path [m]."""
    fde: FloatArray
    """(N,) distance at the last point [m]."""
    max_error: FloatArray
    """(N,) largest distance [m]."""
    valid: NDArray[np.bool_]
    """(N,) whether the window may serve as a label."""
    reason: list[str]
    """Why it may not, one of `validity.REASONS`; "" where valid."""


def fit_actions(
    xy: ArrayLike,
    yaw: ArrayLike,
    speed: ArrayLike | None,
    dt_s: float,
    integrator: str,
    max_error_m: float,
    method: str = "joint",
) -> Fit:
    """Fit one label to each window; the label of a window does not depend on the others.

    Args:
        xy: (N, 80, 2) positions [m] in any frame; samples 0..15 are history, t0 is sample 15.
        yaw: (N, 80) headings [rad], wrapped or not.
        speed: (N, 80) measured speeds [m/s], or None: then v0 is estimated from the history.
        dt_s: time between samples [s].
        integrator: `euler` or `trapezoid`, the one that will decode the labels.
        max_error_m: a label whose trajectory leaves the path by more is invalid [m].
        method: `joint` or `sequential`.

    Raises:
        UserError: wrong shapes, a time step that is no positive number, an unknown integrator or
            method.
    """
    kind = check_integrator(integrator)
    check_method(method)
    xy, yaw = np.asarray(xy, np.float64), np.asarray(yaw, np.float64)
    speed = None if speed is None else np.asarray(speed, np.float64)
    _check_windows(xy, yaw, speed, dt_s)
    path_reason = judge_path(xy, yaw, speed, dt_s)
    usable = ~np.isin(path_reason, ("gap", "too short", "nan", "teleport"))
    position, heading = to_local(xy[usable], yaw[usable])
    if speed is None:
        v0 = initial_speed(position[:, :HISTORY], heading[:, :HISTORY], dt_s)
    else:
        v0 = speed[usable, T0]
    driven, turned = position[:, T0:], heading[:, T0:]
    action, moving = sequential(driven, turned, v0, dt_s, kind)
    if method == "joint":
        v0, action = joint(driven, turned, v0, action, dt_s, kind)
    else:
        action = np.clip(action, -BOUNDS, BOUNDS)
        action[..., 1] *= moving
    trajectory: FloatArray = rollout(v0, action, dt_s, kind)[..., :3]
    off = trajectory[..., :2] - driven[:, 1:]
    error = length(off[..., 0], off[..., 1])
    max_error = _spread(error.max(-1), usable)
    strays = max_error > max_error_m
    bounded = at_bounds(_spread(action, usable))
    label_reason = first_reason({"out of bounds": strays & bounded, "fit error": strays})
    reason = [path or label for path, label in zip(path_reason, label_reason, strict=True)]
    return Fit(
        v0=_spread(v0, usable),
        action=_spread(action, usable),
        trajectory=_spread(trajectory, usable),
        ade=_spread(error.mean(-1), usable),
        fde=_spread(error[:, -1], usable),
        max_error=max_error,
        valid=np.array([text == "" for text in reason], bool),
        reason=reason,
    )


def check_method(name: str) -> Method:
    """`name` as a method.

    Raises:
        UserError: `name` is none of `METHODS`.
    """
    return one_of("method", name, METHODS)


def _spread(values: FloatArray, usable: NDArray[np.bool_]) -> FloatArray:
    """The rows of `values` where `usable` (N,) is true, NaN elsewhere."""
    if usable.all():
        return values
    full = np.full((len(usable), *values.shape[1:]), np.nan)
    full[usable] = values
    return full


def to_local(xy: FloatArray, yaw: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Positions (N, 80, 2) and unwrapped headings (N, 80) in the frame of sample 15 (t0)."""
    heading = np.unwrap(yaw, axis=-1)
    cos, sin = np.cos(heading[:, T0, None]), np.sin(heading[:, T0, None])
    east, north = np.moveaxis(xy - xy[:, T0, None], -1, 0)
    local = np.stack([east * cos + north * sin, north * cos - east * sin], -1)
    return local, heading - heading[:, T0, None]


def _check_windows(xy: FloatArray, yaw: FloatArray, speed: FloatArray | None, dt_s: float) -> None:
    if not (math.isfinite(dt_s) and dt_s > 0):
        raise UserError(f"the time between samples is {dt_s} s, expected {DT_S} s")
    if xy.ndim != 3 or xy.shape[1:] != (WINDOW, 2):
        raise UserError(f"xy has shape {xy.shape}, expected (N, {WINDOW}, 2) at {DT_S} s")
    for name, value in (("yaw", yaw), ("speed v", speed)):
        if value is not None and value.shape != xy.shape[:2]:
            raise UserError(f"{name} has shape {value.shape}, expected {xy.shape[:2]} as xy has")
