"""The sequential fit: heading, then speed, then acceleration, then curvature, by least squares.

It is Alpamayo's encoder (UnicycleAccelCurvatureActionSpace, arXiv 2511.00088), kept for parity and
as the start of the joint fit. Each step is the minimum of

    data term  +  lambda / dt^(2k) ||D_k z||^2  +  ridge ||z||^2

with D_k the k-th difference, in the terms of `avvla.actions.unicycle`:

    term          unknown   k  data
    heading       z[0..64]  3  z[i] = yaw[i], with z[0] = 0
    speed         z[0..64]  3  trapezoid: z[i] u[i] + z[i+1] u[i+1] = 2 (p[i+1] - p[i]) / dt
                               euler:     z[i] u[i] = (p[i+1] - p[i]) / dt; with z[0] = v0
    acceleration  z[0..63]  2  z[i] = (v[i+1] - v[i]) / dt
    curvature     z[0..63]  2  s[i] z[i] = yaw[i+1] - yaw[i], s[i] the distance of the step

Every system is banded; `avvla.actions.banded` solves all windows in one call.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from avvla.actions.banded import regulariser, solve, solve_pinned
from avvla.actions.unicycle import Integrator, cos_sin
from avvla.actions.validity import STANDSTILL_MPS

FloatArray = NDArray[np.float64]

# (lambda, ridge) of the reference.
HEADING = (1e-6, 1e-8)
SPEED = (1e-6, 1e-4)
ACCELERATION = (1e-4, 1e-4)
CURVATURE = (1e-4, 1e-4)


def sequential(
    position: FloatArray, yaw: FloatArray, v0: FloatArray, dt_s: float, integrator: Integrator
) -> tuple[FloatArray, NDArray[np.bool_]]:
    """Actions (N, 64, 2), bounded by nothing, and the steps (N, 64) in which the vehicle moves.

    Args:
        position: (N, 65, 2) positions from t0 on, local frame [m].
        yaw: (N, 65) headings from t0 on, the first 0 [rad].
        v0: (N,) speed at t0 [m/s].
        dt_s: time between samples [s].
        integrator: the integrator that will decode the actions.
    """
    heading = fit_heading(yaw, dt_s)
    speed = fit_speed(position, heading, v0, dt_s, integrator)
    acceleration = fit_acceleration(speed, dt_s)
    arc = speed[:, :-1] * dt_s
    if integrator == "trapezoid":
        arc += acceleration * (dt_s**2 / 2)
    curvature = fit_curvature(heading, arc, dt_s)
    fast = np.abs(speed) >= STANDSTILL_MPS
    return np.stack([acceleration, curvature], -1), fast[:, :-1] & fast[:, 1:]


def initial_speed(position: FloatArray, heading: FloatArray, dt_s: float) -> FloatArray:
    """(N,) speed at the last of the history points: positions (N, T, 2), headings (N, T)."""
    return solve(*_speed_system(position, heading, dt_s, "trapezoid"))[:, -1]


def fit_heading(yaw: FloatArray, dt_s: float) -> FloatArray:
    """(N, 65) smoothed headings that start at 0, from (N, 65) measured ones."""
    bands = regulariser(yaw.shape[-1], 3, HEADING, dt_s)
    bands[0] += 1.0
    return solve_pinned(bands, yaw, np.zeros(len(yaw)))


def fit_speed(
    position: FloatArray,
    heading: FloatArray,
    v0: FloatArray,
    dt_s: float,
    integrator: Integrator,
) -> FloatArray:
    """(N, 65) speeds that start at `v0` (N,), from positions (N, 65, 2) and headings (N, 65)."""
    return solve_pinned(*_speed_system(position, heading, dt_s, integrator), v0)


def fit_acceleration(speed: FloatArray, dt_s: float) -> FloatArray:
    """(N, 64) accelerations from (N, 65) speeds."""
    bands = regulariser(speed.shape[-1] - 1, 2, ACCELERATION, dt_s)
    bands[0] += 1.0
    return solve(bands, np.diff(speed) / dt_s)


def fit_curvature(heading: FloatArray, arc: FloatArray, dt_s: float) -> FloatArray:
    """(N, 64) curvatures from (N, 65) headings and the distance of each step (N, 64)."""
    penalty = regulariser(arc.shape[-1], 2, CURVATURE, dt_s)
    bands = np.repeat(penalty[:, None], len(arc), axis=1)
    bands[0] += arc**2
    return solve(bands, arc * np.diff(heading))


def _speed_system(
    position: FloatArray, heading: FloatArray, dt_s: float, integrator: Integrator
) -> tuple[FloatArray, FloatArray]:
    """Normal equations of the speed: bands and right-hand side (N, n), as `solve` takes them."""
    cos, sin = cos_sin(heading)
    east, north = np.moveaxis(np.diff(position, axis=-2), -1, 0) / dt_s
    penalty = regulariser(heading.shape[-1], 3, SPEED, dt_s)
    right = np.zeros_like(heading)
    right[:, :-1] = cos[:, :-1] * east + sin[:, :-1] * north
    if integrator == "euler":
        # u is a unit vector: no window's matrix depends on its headings.
        penalty[0, :-1] += 1.0
        return penalty, right
    bands = np.repeat(penalty[:, None], len(heading), axis=1)
    bands[0, :, :-1] += 1.0
    bands[0, :, 1:] += 1.0
    bands[1, :, :-1] += cos[:, :-1] * cos[:, 1:] + sin[:, :-1] * sin[:, 1:]
    right[:, 1:] += cos[:, 1:] * east + sin[:, 1:] * north
    right *= 2
    return bands, right
