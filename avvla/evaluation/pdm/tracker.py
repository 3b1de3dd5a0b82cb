"""What a vehicle drives that tracks a plan: NAVSIM's LQR tracker and kinematic bicycle.

The plan becomes a profile of speed and curvature by two ridge regressions, a linear-quadratic
regulator with a look-ahead of ten steps follows it, and a bicycle with lagging pedals and steering
moves. Everything runs over P plans at once. Formulas after nuPlan's devkit (motional/nuplan-devkit,
`lqr.py`, `kinematic_bicycle.py`) as NAVSIM v1.1 and v2.2 use it.

NAVSIM's penalty on the change of acceleration is not one: an assignment overwrites its band, and
what is left penalises acceleration itself, R a = (-a_0, ..., -a_36, a_38 - a_37). `corrected` takes
the differences a_{i+1} - a_i instead.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from avvla.evaluation.pdm.vehicle import DT_S, STEPS, WHEELBASE_M, wrap

Array = NDArray[np.float64]

X, Y, HEADING, VX, VY, AX, AY, STEERING, STEERING_RATE, YAW_RATE, YAW_ACCELERATION = range(11)
"""Columns of a state: rear axle, global frame; velocity and acceleration along and across."""

_JERK_PENALTY, _CURVATURE_PENALTY, _CURVATURE_RATE_PENALTY = 1e-4, 1e-10, 1e-2
_AHEAD = 10
_STOPPED_MPS = 0.2
_GAIN_STOPPED = 0.5
_GAIN = 10 / 11  # q = 10, r = 1, over a second: q / (q + r)
_Q_LATERAL, _Q_HEADING, _R = 1.0, 10.0, 1.0
_LAG_ACCELERATION_S, _LAG_STEERING_S = 0.2, 0.05
_MAX_STEERING = np.pi / 3


def interpolate(origin: Array, poses: Array, interval_s: float) -> Array:
    """Plans at 0, 0.1, ..., 4 s, linear in between; after its last pose a plan stands still.

    Args:
        origin: (3,) global pose of the rear axle at the present.
        poses: (P, n, 3) x, y, heading in its frame, the first at `interval_s`.
        interval_s: between two poses.

    Returns:
        (P, 41, 3) global.
    """
    cos, sin = np.cos(origin[2]), np.sin(origin[2])
    x, y, heading = np.moveaxis(poses, -1, 0)
    there = np.stack(
        [origin[0] + cos * x - sin * y, origin[1] + sin * x + cos * y, origin[2] + heading], -1
    )
    known = np.concatenate([np.broadcast_to(origin, (len(poses), 1, 3)), there], 1)
    known[..., 2] = np.unwrap(known[..., 2], axis=1)
    place = np.minimum(np.arange(STEPS + 1) * DT_S / interval_s, poses.shape[1])
    before = np.minimum(place.astype(int), poses.shape[1] - 1)
    share = (place - before)[:, None]
    found: Array = known[:, before] * (1 - share) + known[:, before + 1] * share
    found[..., 2] = wrap(found[..., 2])
    return found


def profile(plan: Array, *, corrected: bool = False) -> tuple[Array, Array]:
    """Speeds [m/s] and curvatures [1/m] (P, 40) of the steps of plans (P, 41, 3).

    v_i = v_0 + dt sum a_j and k_i = k_0 + dt sum k'_j (j < i) fit dt v_i along the heading to the
    displacements, and dt v_i k_i to the changes of heading.
    """
    sums = _sums()
    heading = plan[:, :-1, 2]
    step = np.diff(plan[..., :2], axis=1)
    along = np.cos(heading) * step[..., 0] + np.sin(heading) * step[..., 1]
    speed = along @ _speed_operator(corrected).T @ sums.T
    turn = wrap(np.diff(plan[..., 2], axis=1))
    design = DT_S * speed[..., None] * sums
    normal = np.swapaxes(design, 1, 2) @ design
    normal[:, range(STEPS), range(STEPS)] += [
        _CURVATURE_PENALTY,
        *[_CURVATURE_RATE_PENALTY] * (STEPS - 1),
    ]
    right = np.swapaxes(design, 1, 2) @ turn[..., None]
    curvature = (np.linalg.solve(normal, right)[..., 0]) @ sums.T
    return speed, curvature


def track(start: Array, plan: Array, *, corrected: bool = False) -> Array:
    """(P, 41, 11) states of a vehicle that begins at `start` and tracks plans (P, 41, 3).

    `start` is (11,) for all, or (P, 11).
    """
    speed, curvature = profile(plan, corrected=corrected)
    states = np.empty((len(plan), STEPS + 1, 11))
    states[:, 0] = start
    for i in range(STEPS):
        state = states[:, i]
        acceleration, steering_rate = _control(state, plan[:, i], speed, curvature, i)
        states[:, i + 1] = _move(state, acceleration, steering_rate)
    return states


def _control(
    state: Array, reference: Array, speed: Array, curvature: Array, i: int
) -> tuple[Array, Array]:
    """Acceleration and steering rate (P,) that bring the errors ten steps ahead to zero.

    Heading and lateral error grow with w_j = v_j dt and the steering angle s_j = s + j dt u:
    e_head += w_j (s_j / L - k_j) and e_lat += w_j e_head, which is linear in u.
    """
    v = state[:, VX]
    end = min(i + _AHEAD, STEPS - 1)
    wanted = speed[:, end]
    standing = (wanted <= _STOPPED_MPS) & (v <= _STOPPED_MPS)
    acceleration = np.where(standing, -_GAIN_STOPPED * (v - wanted), _GAIN * (wanted - v))

    ahead = np.arange(_AHEAD)
    bend = curvature[:, np.minimum(i + ahead, end)]
    w = DT_S * (v[:, None] + DT_S * ahead * acceleration[:, None])
    before = np.cumsum(w, 1) - w
    by_input = w * ahead * DT_S / WHEELBASE_M
    by_bend = w * bend
    dx, dy = state[:, X] - reference[:, 0], state[:, Y] - reference[:, 1]
    lateral = -dx * np.sin(reference[:, 2]) + dy * np.cos(reference[:, 2])
    heading = wrap(state[:, HEADING] - reference[:, 2])
    steering = state[:, STEERING]
    error_head = wrap(heading + steering * w.sum(1) / WHEELBASE_M - by_bend.sum(1))
    error_lat = (
        lateral
        + heading * w.sum(1)
        + steering * (w * before).sum(1) / WHEELBASE_M
        - (w * (np.cumsum(by_bend, 1) - by_bend)).sum(1)
    )
    gain_head = by_input.sum(1)
    gain_lat = (w * (np.cumsum(by_input, 1) - by_input)).sum(1)
    rate = -(_Q_LATERAL * gain_lat * error_lat + _Q_HEADING * gain_head * error_head)
    rate /= _Q_LATERAL * gain_lat**2 + _Q_HEADING * gain_head**2 + _R
    return acceleration, np.where(standing, 0.0, rate)


def _move(state: Array, acceleration: Array, steering_rate: Array) -> Array:
    """The next states (P, 11): Euler's step with the old speed, heading and steering angle."""
    fresh = np.zeros_like(state)
    a = state[:, AX] + DT_S / (DT_S + _LAG_ACCELERATION_S) * (acceleration - state[:, AX])
    rate = DT_S / (DT_S + _LAG_STEERING_S) * steering_rate
    v, heading, steering = state[:, VX], state[:, HEADING], state[:, STEERING]
    fresh[:, X] = state[:, X] + v * np.cos(heading) * DT_S
    fresh[:, Y] = state[:, Y] + v * np.sin(heading) * DT_S
    fresh[:, HEADING] = wrap(heading + v * np.tan(steering) / WHEELBASE_M * DT_S)
    fresh[:, VX] = v + a * DT_S
    fresh[:, AX] = a
    fresh[:, STEERING] = np.clip(steering + rate * DT_S, -_MAX_STEERING, _MAX_STEERING)
    fresh[:, STEERING_RATE] = rate
    fresh[:, YAW_RATE] = fresh[:, VX] * np.tan(fresh[:, STEERING]) / WHEELBASE_M
    fresh[:, YAW_ACCELERATION] = (fresh[:, YAW_RATE] - state[:, YAW_RATE]) / DT_S
    return fresh


@cache
def _sums() -> Array:
    """(40, 40) from a first value and 39 rates to 40 values."""
    sums = np.tril(np.full((STEPS, STEPS), DT_S), 0)
    sums[:, 0] = 1.0
    return sums


@cache
def _speed_operator(corrected: bool) -> Array:
    """(40, 40) from the displacements along the heading to first speed and accelerations.

    The normal equations do not depend on the plan, as cos^2 + sin^2 = 1.
    """
    change = np.zeros((STEPS - 2, STEPS))
    for row in range(STEPS - 2):
        if corrected or row == STEPS - 3:
            change[row, row + 1 : row + 3] = -1.0, 1.0
        else:
            change[row, row + 1] = -1.0
    design = DT_S * _sums()
    normal = design.T @ design + _JERK_PENALTY * change.T @ change
    operator: Array = np.linalg.pinv(normal) @ design.T
    return operator
