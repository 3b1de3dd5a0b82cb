"""The nine calls of `egodriver.EgodriverService`, on messages that have been read.

Everything but decoding and planning runs on the event loop, so the sessions need no locks.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from grpc import StatusCode

from avvla.driver import intake, wire
from avvla.driver.answer import answer
from avvla.driver.batcher import Batcher
from avvla.driver.recording import Recording
from avvla.driver.refusal import RefusalError, invalid, shown
from avvla.driver.scene import Way
from avvla.driver.session import Session

if TYPE_CHECKING:
    from avvla.driver.sight import Sight

log = logging.getLogger("avvla.driver")

VERSION = "avvla-driver-1"
API = (0, 54, 0)
"""Of Alpasim's contract; what was before it is understood as well."""
SESSIONS = 1024
FORGET_S = 3600.0
"""A session without a call for so long makes way: its simulator is gone."""


class Service:
    """The calls; each takes its request and returns its response.

    Args:
        batcher: who plans.
        sight: of the policy; None where it sees nothing.
        stop: called at `shut_down`.

    Raises (each call):
        RefusalError: the request cannot be met; the sessions are as they were.
    """

    def __init__(self, batcher: Batcher, sight: Sight | None, stop: Callable[[], None]) -> None:
        self._batcher, self._sight, self._stop = batcher, sight, stop
        self._sessions: dict[str, Session] = {}
        self._heard: dict[str, float] = {}
        self._eyes = ThreadPoolExecutor(4, "decoder")

    def close(self) -> None:
        """End the threads."""
        self._eyes.shutdown(wait=False, cancel_futures=True)

    async def start_session(self, request: Any) -> Any:
        """A new session, which has the camera that the policy sees."""
        name = request.session_uuid
        if not name:
            raise invalid("session_uuid is empty")
        if name in self._sessions:
            raise RefusalError(
                StatusCode.ALREADY_EXISTS, f"session {shown(name)} is already running"
            )
        self._forget()
        if len(self._sessions) >= SESSIONS:
            text = f"{SESSIONS} sessions are running, close some"
            raise RefusalError(StatusCode.RESOURCE_EXHAUSTED, text)
        cameras = request.rollout_spec.vehicle.available_cameras
        self._sessions[name] = Session(None if self._sight is None else self._sight.lens(cameras))
        self._heard[name] = time.monotonic()
        names = ", ".join(shown(camera.logical_id) for camera in cameras[:16])
        log.info("session %s: started; cameras: %s", shown(name), names or "none")
        return wire.message("common.SessionRequestStatus")()

    async def close_session(self, request: Any) -> Any:
        """End a session; a plan that is on its way still arrives."""
        name, session = self._session(request)
        del self._sessions[name], self._heard[name]
        log.info("session %s: closed after %d drives", shown(name), session.drives)
        return _empty()

    async def submit_image_observation(self, request: Any) -> Any:
        """Take a frame of the front camera; those of others are left out."""
        _, session = self._session(request)
        image = request.camera_image
        if self._sight is None or session.lens is None or image.logical_id != self._sight.camera:
            return _empty()
        time_us = intake.time(image.frame_end_us, "frame_end_us")
        loop = asyncio.get_running_loop()
        seen = await loop.run_in_executor(
            self._eyes, self._sight.picture, image.image_bytes, session.lens
        )
        session.look(time_us, seen)
        return _empty()

    async def submit_egomotion_observation(self, request: Any) -> Any:
        """Take poses, one or several, with their dynamic states in either form."""
        name, session = self._session(request)
        times, poses = intake.trajectory(request.trajectory, "trajectory")
        session.move(times, poses, intake.speeds(request, times))
        if times:
            self._tell(name, session, _form(request))
        return _empty()

    async def submit_route(self, request: Any) -> Any:
        """Take waypoints."""
        _, session = self._session(request)
        time_us = intake.time(request.route.timestamp_us, "route.timestamp_us")
        session.route(time_us, intake.waypoints(request.route))
        return _empty()

    async def submit_recording_ground_truth(self, request: Any) -> Any:
        """Take the recorded drive."""
        _, session = self._session(request)
        truth = request.ground_truth
        time_us = intake.time(truth.timestamp_us, "ground_truth.timestamp_us")
        recording = Recording.of(*intake.trajectory(truth.trajectory, "ground_truth"))
        session.record(time_us, recording)
        return _empty()

    async def drive(self, request: Any) -> Any:
        """A plan from the present on."""
        name, session = self._session(request)
        present = session.present(intake.time(request.time_now_us, "time_now_us"))
        way: Way = await self._batcher.plan(present.scene)
        session.drives += 1
        self._tell(name, session, way.reason)
        return answer(present, way)

    async def get_version(self, request: Any) -> Any:
        """Who this is."""
        version = wire.message("common.VersionId")(version_id=VERSION)
        api = version.grpc_api_version
        api.major, api.minor, api.patch = API
        return version

    async def shut_down(self, request: Any) -> Any:
        """Acknowledge; whether the server ends is the server's matter."""
        log.info("shut_down was called")
        self._stop()
        return _empty()

    def _session(self, request: Any) -> tuple[str, Session]:
        name = request.session_uuid
        if name not in self._sessions:
            raise RefusalError(StatusCode.NOT_FOUND, f"there is no session {shown(name)}")
        self._heard[name] = time.monotonic()
        return name, self._sessions[name]

    def _forget(self) -> None:
        now = time.monotonic()
        for name in [n for n, heard in self._heard.items() if now - heard > FORGET_S]:
            del self._sessions[name], self._heard[name]
            log.warning("session %s: forgotten, no call came for an hour", shown(name))

    def _tell(self, name: str, session: Session, text: str) -> None:
        """Log what is new in a session."""
        if text not in session.told:
            session.told.add(text)
            log.info("session %s: %s", shown(name), text)


def _form(request: Any) -> str:
    if request.dynamic_states:
        return "egomotion with speeds in field 5"
    if request.HasField("dynamic_state"):
        return "egomotion with speeds in field 4, as up to 0.1.3"
    return "egomotion without speeds: they are taken from the poses"


def _empty() -> Any:
    return wire.message("common.Empty")()
