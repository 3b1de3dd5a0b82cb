"""The safety envelope: which action may follow which.

With speed v, the action (a', k') before and a tick dt, an action (a, k) is inside where

    A_MIN <= a <= A_MAX                     and   v + a dt >= 0
    -JERK_DOWN dt <= a - a' <= JERK_UP dt
    |k| <= min(K_MAX, A_LAT / v^2)
    |k - k'| <= min(K_RATE, J_LAT / v^2) dt

Where the third and the fourth exclude each other, as after a jump of the measured speed, the third
holds. A vehicle does not roll back, so v + a dt >= 0 stands above the bound on jerk. A_MIN is full
braking on a dry road (ISO 15622 asks a vehicle in front to be expected to do it), A_MAX that of
nuPlan's comfort with room, A_LAT nuPlan's 4.89 m/s^2, K_MAX a radius of 5 m.
"""

from __future__ import annotations

from avvla.actions.unicycle import DT_S
from avvla.agent.motion import Action

A_MIN, A_MAX = -8.0, 3.0
JERK_DOWN, JERK_UP = 40.0, 15.0
"""[m/s^3]: brakes bite within 0.2 s; they are let go more slowly."""
K_MAX, K_RATE = 0.2, 0.5
"""[1/m], [1/(m s)]"""
A_LAT, J_LAT = 4.89, 25.0
SLOWEST = 0.1
"""Speed [m/s] below which v^2 is not divided by."""

Interval = tuple[float, float]


def accelerations(speed: float, before: Action) -> Interval:
    """Least and greatest acceleration [m/s^2] at a speed [m/s] after an action."""
    stop = -speed / DT_S
    low = min(max(A_MIN, before.acceleration - JERK_DOWN * DT_S), A_MAX)
    high = max(min(A_MAX, before.acceleration + JERK_UP * DT_S), A_MIN)
    return max(low, stop), max(high, stop)


def curvatures(speed: float, before: Action) -> Interval:
    """Least and greatest curvature [1/m] at a speed [m/s] after an action."""
    squared = max(speed, SLOWEST) ** 2
    most = min(K_MAX, A_LAT / squared)
    change = min(K_RATE, J_LAT / squared) * DT_S
    low = min(max(before.curvature - change, -most), most)
    high = max(min(before.curvature + change, most), -most)
    return low, high


def inside(action: Action, speed: float, before: Action, tolerance: float = 1e-9) -> bool:
    """Whether an action is in the envelope."""
    a_low, a_high = accelerations(speed, before)
    k_low, k_high = curvatures(speed, before)
    return (
        a_low - tolerance <= action.acceleration <= a_high + tolerance
        and k_low - tolerance <= action.curvature <= k_high + tolerance
    )


def bounded(action: Action, speed: float, before: Action) -> tuple[Action, tuple[str, ...]]:
    """The nearest action inside, and which bounds held it back."""
    a_low, a_high = accelerations(speed, before)
    k_low, k_high = curvatures(speed, before)
    kept = Action(
        min(max(action.acceleration, a_low), a_high), min(max(action.curvature, k_low), k_high)
    )
    reasons = []
    if kept.acceleration != action.acceleration:
        beyond = not A_MIN <= action.acceleration <= A_MAX
        reasons.append("acceleration" if beyond else "jerk")
    if kept.curvature != action.curvature:
        squared = max(speed, SLOWEST) ** 2
        if abs(action.curvature) > K_MAX:
            reasons.append("curvature")
        elif abs(action.curvature) > A_LAT / squared:
            reasons.append("lateral acceleration")
        else:
            reasons.append("curvature rate")
    return kept, tuple(reasons)
