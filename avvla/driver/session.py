"""One rollout: what was submitted, in whatever order, and the scene that it makes at a `drive`."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from grpc import StatusCode
from numpy.typing import NDArray

from avvla.agent.commander import ByRoute, CommanderError, Orders, Situation
from avvla.agent.loop import STALE_S
from avvla.agent.senses import Seen, Senses
from avvla.driver.pose import composed, inverse
from avvla.driver.recording import Recording
from avvla.driver.refusal import RefusalError
from avvla.driver.scene import Scene
from avvla.driver.track import Track

if TYPE_CHECKING:
    from avvla.driver.lens import Lens

Array = NDArray[np.float64]

STALE_US = round(STALE_S * 1e6)
PICTURES = 3
"""Kept: frames may come before or after the `drive` that they belong to."""


@dataclass(frozen=True)
class Present:
    """Where a plan begins."""

    begin_us: int
    pose: Array
    """(7,) of the rig in `local` at that time."""
    scene: Scene


class Session:
    """What is known of a rollout.

    Args:
        lens: of the front camera, at native resolution; None where no picture is needed.
    """

    def __init__(self, lens: Lens | None) -> None:
        self.lens = lens
        self.track = Track()
        self.drives = 0
        self.told: set[str] = set()
        """Of the log: what is not said again."""
        self._route: tuple[int, Array] | None = None
        self._waiting: tuple[int, Recording] | None = None
        self._recording: Recording | None = None
        self._pictures: dict[int, NDArray[np.uint8]] = {}
        self._senses = Senses()
        self._orders = Orders()
        self._looked_us, self._fault = -1, ""

    def look(self, time_us: int, picture: NDArray[np.uint8]) -> None:
        """The policy's picture of the front camera, by the end of its exposure."""
        self._pictures[time_us] = picture
        for old in sorted(self._pictures)[:-PICTURES]:
            del self._pictures[old]

    def move(self, times: list[int], poses: Array, speeds: list[float]) -> None:
        """Poses (N, 7) of the rig in `local`, with their speeds [m/s] or NaN."""
        for row in zip(times, poses, speeds, strict=True):
            self.track.put(*row)
        self._settle()

    def route(self, time_us: int, points: Array) -> None:
        """Waypoints (N, 3) in the rig of a time; they replace those before."""
        self._route = time_us, points

    def record(self, time_us: int, recording: Recording) -> None:
        """The recorded drive, in the rig of a time."""
        self._waiting = time_us, recording
        self._settle()

    def _settle(self) -> None:
        """Move the recording into `local` as soon as it is known where the rig was."""
        if self._waiting is not None and (pose := self._near(self._waiting[0])) is not None:
            self._recording, self._waiting = self._waiting[1].seen_from(pose), None

    def present(self, now_us: int) -> Present:
        """The scene at a time.

        Raises:
            RefusalError: no pose is known at or before it.
        """
        newest = self.track.newest_us
        begin = now_us if newest is None else min(now_us, newest)
        pose = self.track.at(begin)
        if pose is None:
            raise RefusalError(
                StatusCode.FAILED_PRECONDITION,
                f"there is no egomotion at or before {now_us} us, expected some before a drive",
            )
        speed, turn = self.track.speed(begin), self.track.heading_change(begin)
        route = self._route_from(pose)
        truth = None if self._recording is None else self._recording.ahead(begin, pose)
        picture = self._newest(now_us, speed, turn)
        command = self._command(now_us, Situation(None, speed, turn or 0.0, (), route=route))
        scene = Scene(speed, turn, route, truth, picture, self._fault, command)
        return Present(begin, pose, scene)

    def _newest(self, now_us: int, speed: float, turn: float | None) -> NDArray[np.uint8] | None:
        """The newest picture up to now; None, and a fault, where it cannot be planned from."""
        if self.lens is None:
            return None
        known = [time for time in self._pictures if time <= now_us]
        if not known:
            self._fault = "no picture of the front camera"
            return None
        time = max(known)
        if time > self._looked_us:
            seen = Seen(time / 1e6, self._pictures[time], speed, turn or 0.0)
            self._fault, self._looked_us = self._senses.take(seen), time
        if now_us - time > STALE_US:
            self._fault = "the newest picture is old"
        return None if self._fault else self._pictures[time]

    def _route_from(self, pose: Array) -> Array | None:
        """(N, 2) waypoints in the rig at a pose; None without any whose frame is known."""
        if self._route is None or (then := self._near(self._route[0])) is None:
            return None
        points = self._route[1]
        if then is pose:
            return points[:, :2]
        moved = np.zeros((len(points), 7))
        moved[:, :3], moved[:, 3] = points, 1.0
        return composed(composed(inverse(pose), then), moved)[:, :2]

    def _near(self, time_us: int) -> Array | None:
        """The pose at a time, or the newest where it is not long before."""
        newest = self.track.newest_us
        if newest is not None and 0 < time_us - newest <= STALE_US:
            time_us = newest
        return self.track.at(time_us)

    def _command(self, now_us: int, situation: Situation) -> str:
        # Where it has none to tell, the last one holds, and then "Follow the lane".
        with suppress(CommanderError):
            self._orders.tell(now_us / 1e6, ByRoute().command(situation))
        return self._orders.now(now_us / 1e6)
