"""The inverse of the unicycle: from a driven path to an initial speed and 64 actions.

Sequential least squares (Alpamayo's UnicycleAccelCurvatureActionSpace, arXiv 2511.00088): heading,
then speed, then acceleration, then curvature, each the minimum of

    data term  +  lambda / dt^(2k) ||D_k z||^2  +  ridge ||z||^2

with D_k the k-th difference. A label is fitted through the integrator that decodes it, in the
terms of `avvla.actions.unicycle`:

    term          unknown   k  data
    heading       z[0..64]  3  z[i] = yaw[i], with z[0] = 0
    speed         z[0..64]  3  trapezoid: z[i] u[i] + z[i+1] u[i+1] = 2 (p[i+1] - p[i]) / dt
                               euler:     z[i] u[i] = (p[i+1] - p[i]) / dt; with z[0] = v0
    acceleration  z[0..63]  2  z[i] = (v[i+1] - v[i]) / dt
    curvature     z[0..63]  2  s[i] z[i] = yaw[i+1] - yaw[i], s[i] the distance of the step

Every system is banded; `avvla.actions.banded` solves all windows in one call.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from avvla.actions.banded import regulariser, solve, solve_pinned
from avvla.actions.unicycle import DT_S, HORIZON, Integrator, check_integrator, rollout
from avvla.actions.validity import (
    MAX_ACCELERATION,
    MAX_CURVATURE,
    first_reason,
    judge_path,
    within_bounds,
)
from avvla.errors import UserError

HISTORY = 16
WINDOW = HISTORY + HORIZON
T0 = HISTORY - 1

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Smoothing:
    """Weight lambda and ridge of each problem, and the speed below which curvature is 0."""

    heading: tuple[float, float]
    speed: tuple[float, float]
    acceleration: tuple[float, float]
    curvature: tuple[float, float]
    standstill_mps: float


# Alpamayo's constants, with the bounds and the standstill guard of NVlabs/alpamayo#114.
REFERENCE = Smoothing(
    heading=(1e-6, 1e-8),
    speed=(1e-6, 1e-4),
    acceleration=(1e-4, 1e-4),
    curvature=(1e-4, 1e-4),
    standstill_mps=0.6,
)
# A path of the Euler vehicle is recovered, not smoothed: with the reference's weights a braking
# onset of 5 m/s^2 comes back with an acceleration error of 0.40 m/s^2 (rms over the window), here
# 0.09, and a turn out of standstill, which the 0.6 m/s guard cuts off, goes from ADE 0.050 m to
# 0.002 m. Logged driving pays in smoothness, mean |jerk| 0.37 to 1.3 m/s^3 (comma2k19). Curvature
# keeps ten times more weight than acceleration: creeping at 0.2 m/s with 5 mrad of heading noise,
# 3 % of the windows would otherwise exceed the curvature bound.
RECOVERY = Smoothing(
    heading=(1e-8, 1e-8),
    speed=(1e-8, 1e-6),
    acceleration=(1e-6, 1e-6),
    curvature=(1e-5, 1e-5),
    standstill_mps=0.1,
)
SMOOTHING: dict[Integrator, Smoothing] = {"trapezoid": REFERENCE, "euler": RECOVERY}


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
) -> Fit:
    """Fit one label to each window.

    Args:
        xy: (N, 80, 2) positions [m] in any frame; samples 0..15 are history, t0 is sample 15.
        yaw: (N, 80) headings [rad], wrapped or not.
        speed: (N, 80) measured speeds [m/s], or None: then v0 is estimated from the history.
        dt_s: time between samples [s].
        integrator: `euler` or `trapezoid`, the one that will decode the labels.
        max_error_m: a label whose trajectory leaves the path by more is invalid [m].

    Raises:
        UserError: wrong shapes or an unknown integrator.
    """
    kind = check_integrator(integrator)
    xy, yaw = np.asarray(xy, np.float64), np.asarray(yaw, np.float64)
    speed = None if speed is None else np.asarray(speed, np.float64)
    _check_shapes(xy, yaw, speed)
    path_reason = judge_path(xy, yaw, speed, dt_s)
    usable = ~np.isin(path_reason, ("gap", "too short", "nan", "teleport"))
    position, heading = to_local(xy[usable], yaw[usable])
    if speed is None:
        v0 = initial_speed(position[:, :HISTORY], heading[:, :HISTORY], dt_s)
    else:
        v0 = speed[usable, T0]
    demanded = sequential(position[:, T0:], heading[:, T0:], v0, dt_s, kind)
    limits = np.array([MAX_ACCELERATION, MAX_CURVATURE])
    action = np.clip(demanded, -limits, limits)
    trajectory = rollout(v0, action, dt_s, kind)[..., :3]
    error = np.linalg.norm(trajectory[..., :2] - position[:, T0 + 1 :], axis=-1)
    max_error = _spread(error.max(-1), usable)
    label_reason = first_reason(
        {
            "out of bounds": ~within_bounds(_spread(demanded, usable)),
            "fit error": max_error > max_error_m,
        }
    )
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


def _spread(values: FloatArray, usable: NDArray[np.bool_]) -> FloatArray:
    """The rows of `values` where `usable` (N,) is true, NaN elsewhere."""
    full = np.full((len(usable), *values.shape[1:]), np.nan)
    full[usable] = values
    return full


def to_local(xy: FloatArray, yaw: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Positions (N, 80, 2) and unwrapped headings (N, 80) in the frame of sample 15 (t0)."""
    heading = np.unwrap(yaw, axis=-1)
    cos, sin = np.cos(heading[:, T0]), np.sin(heading[:, T0])
    rotation = np.stack([np.stack([cos, sin], -1), np.stack([-sin, cos], -1)], -2)
    local = (xy - xy[:, T0, None]) @ np.swapaxes(rotation, -1, -2)
    return local, heading - heading[:, T0, None]


def initial_speed(position: FloatArray, heading: FloatArray, dt_s: float) -> FloatArray:
    """(N,) speed at the last of the history points: positions (N, T, 2), headings (N, T)."""
    bands, right = _speed_system(position, heading, dt_s, "trapezoid")
    bands += regulariser(heading.shape[-1], 3, REFERENCE.speed, dt_s)[:, None]
    return solve(bands, right)[:, -1]


def sequential(
    position: FloatArray, yaw: FloatArray, v0: FloatArray, dt_s: float, integrator: Integrator
) -> FloatArray:
    """(N, 64, 2) actions, standstill guarded but not clamped.

    Args:
        position: (N, 65, 2) positions from t0 on, local frame [m].
        yaw: (N, 65) headings from t0 on, the first 0 [rad].
        v0: (N,) speed at t0 [m/s].
        dt_s: time between samples [s].
        integrator: the integrator that will decode the actions.
    """
    smoothing = SMOOTHING[integrator]
    heading = fit_heading(yaw, dt_s, smoothing)
    speed = fit_speed(position, heading, v0, dt_s, integrator, smoothing)
    acceleration = fit_acceleration(speed, dt_s, smoothing)
    arc = speed[:, :-1] * dt_s
    if integrator == "trapezoid":
        arc = arc + acceleration * (dt_s**2 / 2)
    curvature = fit_curvature(heading, arc, dt_s, smoothing)
    slow = np.abs(speed) < smoothing.standstill_mps
    # Below this speed curvature is heading noise over almost no distance (NVlabs/alpamayo#113).
    curvature[slow[:, :-1] | slow[:, 1:]] = 0.0
    return np.stack([acceleration, curvature], -1)


def fit_heading(yaw: FloatArray, dt_s: float, smoothing: Smoothing) -> FloatArray:
    """(N, 65) smoothed headings that start at 0, from (N, 65) measured ones."""
    bands = regulariser(yaw.shape[-1], 3, smoothing.heading, dt_s)
    bands[0] += 1.0
    return solve_pinned(bands, yaw, np.zeros(len(yaw)))


def fit_speed(
    position: FloatArray,
    heading: FloatArray,
    v0: FloatArray,
    dt_s: float,
    integrator: Integrator,
    smoothing: Smoothing,
) -> FloatArray:
    """(N, 65) speeds that start at `v0` (N,), from positions (N, 65, 2) and headings (N, 65)."""
    bands, right = _speed_system(position, heading, dt_s, integrator)
    bands += regulariser(heading.shape[-1], 3, smoothing.speed, dt_s)[:, None]
    return solve_pinned(bands, right, v0)


def fit_acceleration(speed: FloatArray, dt_s: float, smoothing: Smoothing) -> FloatArray:
    """(N, 64) accelerations from (N, 65) speeds."""
    bands = regulariser(speed.shape[-1] - 1, 2, smoothing.acceleration, dt_s)
    bands[0] += 1.0
    return solve(bands, np.diff(speed) / dt_s)


def fit_curvature(
    heading: FloatArray, arc: FloatArray, dt_s: float, smoothing: Smoothing
) -> FloatArray:
    """(N, 64) curvatures from (N, 65) headings and the distance of each step (N, 64)."""
    penalty = regulariser(arc.shape[-1], 2, smoothing.curvature, dt_s)
    bands = np.repeat(penalty[:, None], len(arc), axis=1)
    bands[0] += arc**2
    return solve(bands, arc * np.diff(heading))


def _speed_system(
    position: FloatArray, heading: FloatArray, dt_s: float, integrator: Integrator
) -> tuple[FloatArray, FloatArray]:
    """Normal equations of the speed's data term: bands (4, N, n) and right-hand side (N, n)."""
    direction = np.stack([np.cos(heading), np.sin(heading)], -1)
    velocity = np.diff(position, axis=-2) / dt_s
    bands = np.zeros((4, *heading.shape))
    right = np.zeros_like(heading)
    bands[0, :, :-1] = 1.0
    if integrator == "euler":
        right[:, :-1] = (direction[:, :-1] * velocity).sum(-1)
        return bands, right
    bands[0, :, 1:] += 1.0
    bands[1, :, :-1] = np.cos(np.diff(heading))
    right[:, :-1] = 2 * (direction[:, :-1] * velocity).sum(-1)
    right[:, 1:] += 2 * (direction[:, 1:] * velocity).sum(-1)
    return bands, right


def _check_shapes(xy: FloatArray, yaw: FloatArray, speed: FloatArray | None) -> None:
    if xy.ndim != 3 or xy.shape[1:] != (WINDOW, 2):
        raise UserError(f"xy has shape {xy.shape}, expected (N, {WINDOW}, 2) at {DT_S} s")
    for name, value in (("yaw", yaw), ("speed v", speed)):
        if value is not None and value.shape != xy.shape[:2]:
            raise UserError(f"{name} has shape {value.shape}, expected {xy.shape[:2]} as xy has")
