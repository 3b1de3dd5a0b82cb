"""Comfort of a ride: accelerations, jerks and turning of a path, against nuPlan's bounds.

From speed v and heading of a path in steps of DT_S, by differences and without a filter:
    a = dv / dt,   r = dheading / dt,   a_lat = v r (that is v^2 kappa),   jerk = da / dt,
    jerk of |(a, a_lat)|,   dr / dt
The bounds are those of `avvla.evaluation.pdm.comfort`. A plan is looked at as it is, and as
NAVSIM's vehicle would drive it in 4 s: once with the devkit's signals, whose lateral acceleration
is 0, and once with the true one.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from avvla.actions.unicycle import DT_S
from avvla.evaluation.pdm import comfort, tracker, vehicle
from avvla.evaluation.pdm.comfort import BOUNDS
from avvla.policy.interface import Plan

Array = NDArray[np.float64]

LATERAL_PERCENT = 99
"""Percentile over the plans of their largest lateral acceleration."""


def signals(speed: Array, heading: Array) -> dict[str, Array]:
    """Signals of paths by the names of BOUNDS; accelerations (..., T), jerks (..., T - 1).

    Args:
        speed: (..., T + 1) [m/s].
        heading: (..., T + 1) [rad].
    """
    along = np.diff(speed) / DT_S
    rate = np.diff(np.unwrap(heading)) / DT_S
    across = speed[..., :-1] * rate
    return {
        "lon_accel": along,
        "lat_accel": across,
        "abs_jerk": np.diff(np.hypot(along, across)) / DT_S,
        "lon_jerk": np.diff(along) / DT_S,
        "yaw_accel": np.diff(rate) / DT_S,
        "yaw_rate": rate,
    }


def within(found: dict[str, Array]) -> dict[str, NDArray[np.bool_]]:
    """(...,) whether a path stays within each of the BOUNDS."""
    return {
        name: np.asarray(((low < found[name]) & (found[name] < high)).all(-1), np.bool_)
        for name, (low, high) in BOUNDS.items()
    }


def comfortable(found: dict[str, Array]) -> NDArray[np.bool_]:
    """(...,) whether a path stays within all of them."""
    return np.asarray(np.all(list(within(found).values()), 0), np.bool_)


def metrics(plan: Plan, speed: Array, present: Array) -> dict[str, float]:
    """Shares of plans that are comfortable, and their largest lateral acceleration.

    Args:
        plan: N plans.
        speed: (N,) at t0 [m/s].
        present: (N, 2) acceleration [m/s^2] and curvature [1/m] at t0.
    """
    own = signals(
        np.concatenate([speed[:, None], plan.trajectory[..., 3]], 1),
        np.concatenate([np.zeros((len(speed), 1)), plan.trajectory[..., 2]], 1),
    )
    states = _tracked(plan, speed, present)
    shares = {f"plan_{name}": float(kept.mean()) for name, kept in within(own).items()}
    return {
        "plan": float(comfortable(own).mean()),
        **shares,
        "plan_lateral_mps2": _largest(own["lat_accel"]),
        "tracked_navsim": float(comfort.comfortable(states, "pdms_v1.1").mean()),
        "tracked": float(comfort.comfortable(states, "pdms_v1.1", corrected=True).mean()),
        "tracked_navsim_lateral_mps2": _largest(states[..., tracker.AY]),
        "tracked_lateral_mps2": _largest(comfort.lateral(states)),
    }


def _tracked(plan: Plan, speed: Array, present: Array) -> Array:
    """(N, 41, 11) states of the vehicle that tracks the plans, from where they begin."""
    start = np.zeros((len(speed), 11))
    start[:, tracker.VX], start[:, tracker.AX] = speed, present[:, 0]
    start[:, tracker.STEERING] = np.arctan(vehicle.WHEELBASE_M * present[:, 1])
    start[:, tracker.YAW_RATE] = speed * present[:, 1]
    origin = np.zeros(3)
    path = tracker.interpolate(origin, plan.trajectory[:, : vehicle.STEPS, :3], DT_S)
    return tracker.track(start, path)


def _largest(lateral: Array) -> float:
    return float(np.percentile(np.abs(lateral).max(-1), LATERAL_PERCENT))
