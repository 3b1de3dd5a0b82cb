"""The recorded drive of a session, where one was sent."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from avvla.driver.pose import between, composed, flat, inverse
from avvla.driver.refusal import invalid
from avvla.driver.scene import STEP_US, STEPS

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Recording:
    """Poses (N, 7) at increasing times [us], two or more."""

    times: NDArray[np.int64]
    poses: Array

    @classmethod
    def of(cls, times: list[int], poses: Array) -> Recording:
        """In the order of the times.

        Raises:
            RefusalError: there are less than two different times.
        """
        kept, first = np.unique(np.array(times, np.int64), return_index=True)
        if len(kept) < 2:
            raise invalid(f"the ground truth has poses of {len(kept)} times, expected 2 or more")
        return cls(kept, poses[first])

    def seen_from(self, pose: Array) -> Recording:
        """The same, of poses that are in the frame of `pose` (7,), in the frame of that one."""
        return Recording(self.times, composed(pose, self.poses))

    def ahead(self, now_us: int, pose: Array) -> Array:
        """(STEPS, 3) x, y, yaw after each step from now on, in the frame of `pose` (7,).

        It goes on at its last velocity where the recording ends.
        """
        asked = now_us + STEP_US * np.arange(1, STEPS + 1)
        first = np.clip(np.searchsorted(self.times, asked) - 1, 0, len(self.times) - 2)
        begin, end = self.times[first], self.times[first + 1]
        share = (asked - begin) / (end - begin)
        one, other = self.poses[first], self.poses[first + 1]
        found = between(one, other, np.clip(share, 0.0, 1.0))
        found[:, :3] = one[:, :3] + share[:, None] * (other[:, :3] - one[:, :3])
        return flat(composed(inverse(pose), found))
