"""From messages to numbers, checked: what comes out is finite and of the stated shape."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from avvla.driver.refusal import invalid

Array = NDArray[np.float64]

MOST = 10_000
"""Poses or waypoints of one message."""
LAST_US = (1 << 63) - 1
FASTEST_MPS = 1000.0


def time(time_us: int, name: str) -> int:
    """A time [us] that arithmetic is safe with.

    Raises:
        RefusalError: it is not.
    """
    if time_us > LAST_US - 100_000_000:
        raise invalid(f"{name} is {time_us} us, expected less than 2^63")
    return time_us


def trajectory(message: Any, name: str) -> tuple[list[int], Array]:
    """Times [us] and poses (N, 7) of a `Trajectory`, in the order of the message.

    Raises:
        RefusalError: too many, a number that is not finite, or a quaternion that is no rotation.
    """
    _count(len(message.poses), f"{name}.poses")
    times = [time(entry.timestamp_us, f"a time of {name}") for entry in message.poses]
    rows = [
        (p.vec.x, p.vec.y, p.vec.z, p.quat.w, p.quat.x, p.quat.y, p.quat.z)
        for p in (entry.pose for entry in message.poses)
    ]
    poses = np.array(rows, np.float64).reshape(-1, 7)
    if not np.isfinite(poses).all():
        raise invalid(f"{name} has a pose that is not finite")
    length = np.linalg.norm(poses[:, 3:], axis=1, keepdims=True)
    if not ((length > 0.5) & (length < 2.0)).all():
        raise invalid(f"{name} has a quaternion that is no rotation, expected one of length 1")
    poses[:, 3:] /= length
    return times, poses


def speeds(request: Any, times: list[int]) -> list[float]:
    """The speed [m/s] of each pose of a `RolloutEgoTrajectory`; NaN where none was sent.

    Old simulators (0.1.3) send one dynamic state, in field 4, which is the newest pose's; newer
    ones one for each pose, in field 5. Both call themselves by the same version.

    Raises:
        RefusalError: field 5 has another number of states than there are poses, or a speed is none.
    """
    several = list(request.dynamic_states)
    if several:
        if len(several) != len(times):
            raise invalid(
                f"dynamic_states has {len(several)} entries for {len(times)} poses, expected one"
                " for each"
            )
        return [_speed(state) for state in several]
    found = [math.nan] * len(times)
    if times and request.HasField("dynamic_state"):
        found[times.index(max(times))] = _speed(request.dynamic_state)
    return found


def waypoints(route: Any) -> Array:
    """(N, 3) waypoints of a `Route`; NaN where it has run out.

    Raises:
        RefusalError: too many.
    """
    _count(len(route.waypoints), "route.waypoints")
    rows = [(point.x, point.y, point.z) for point in route.waypoints]
    points = np.array(rows, np.float64).reshape(-1, 3)
    # Some fill up with infinity; and beyond 1e6 m lies no waypoint, but trouble with squares.
    points[~(np.abs(points) < 1e6).all(1)] = np.nan
    return points


def _count(count: int, name: str) -> None:
    if count > MOST:
        raise invalid(f"{name} has {count} entries, expected at most {MOST}")


def _speed(state: Any) -> float:
    speed = math.hypot(state.linear_velocity.x, state.linear_velocity.y)
    if not speed <= FASTEST_MPS:
        raise invalid(f"a dynamic state has a speed of {speed:g} m/s")
    return speed
