"""Where the vehicle was: its poses in `local` by time, with the speeds that came with them."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right

import numpy as np
from numpy.typing import NDArray

from avvla.driver.pose import between, yaw_of
from avvla.policy.interface import HEADING_CHANGE_S

Array = NDArray[np.float64]

KEPT_US = 10_000_000
"""Before the newest pose. Routes and recordings are in the rig of a time that has passed."""
CONTEXT_US = round(HEADING_CHANGE_S * 1e6)


class Track:
    """Poses in the order of their times, whatever the order that they came in."""

    def __init__(self) -> None:
        self._times: list[int] = []
        self._poses: list[Array] = []
        self._speeds: list[float] = []

    def put(self, time_us: int, pose: Array, speed_mps: float) -> None:
        """Add a pose (7,); one of the same time is replaced. The speed may be NaN: not told."""
        place = bisect_left(self._times, time_us)
        known = place < len(self._times) and self._times[place] == time_us
        end = place + 1 if known else place
        self._times[place:end] = [time_us]
        self._poses[place:end] = [pose]
        self._speeds[place:end] = [speed_mps]
        old = bisect_left(self._times, self._times[-1] - KEPT_US)
        del self._times[:old], self._poses[:old], self._speeds[:old]

    @property
    def newest_us(self) -> int | None:
        """The time of the newest pose; None without any."""
        return self._times[-1] if self._times else None

    def at(self, time_us: int) -> Array | None:
        """The pose (7,) at a time, interpolated; None outside the poses that are known."""
        place = bisect_left(self._times, time_us)
        if place == len(self._times):
            return None
        if self._times[place] == time_us:
            return self._poses[place]
        if place == 0:
            return None
        begin, end = self._times[place - 1 : place + 1]
        share = np.array((time_us - begin) / (end - begin))
        return between(self._poses[place - 1], self._poses[place], share)

    def speed(self, time_us: int) -> float:
        """The speed [m/s] that came with the newest pose up to a time.

        Where none came: that between the last two poses, 0 where there is but one.
        """
        end = bisect_right(self._times, time_us)
        if end and not math.isnan(self._speeds[end - 1]):
            return self._speeds[end - 1]
        if end < 2:
            return 0.0
        way = self._poses[end - 1][:3] - self._poses[end - 2][:3]
        return float(np.linalg.norm(way)) / (self._times[end - 1] - self._times[end - 2]) * 1e6

    def heading_change(self, time_us: int) -> float | None:
        """How far it has turned in the last 1.5 s [rad], left positive; None: not known so far."""
        now, before = self.at(time_us), self.at(time_us - CONTEXT_US)
        if now is None or before is None:
            return None
        turn = float(yaw_of(now) - yaw_of(before))
        return (turn + math.pi) % (2 * math.pi) - math.pi
