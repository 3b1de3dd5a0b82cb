"""CARLA as a `World`: one hero on one route, in a server that is attached to or spawned.

A spawned server that dies ends the drive (`finished`: nobody has failed, and nothing follows) and
is started anew at the next reset, `server.restarts` times at most. One that was attached to is not
ours: its death is an error.
"""

from __future__ import annotations

import logging

import numpy as np
from numpy.typing import NDArray

from avvla import host
from avvla.actions.unicycle import DT_S
from avvla.carla import address, lens
from avvla.carla.axes import wrapped
from avvla.carla.client import Client
from avvla.carla.controller import check_action
from avvla.carla.exchange import Departure, Opened, Reading, ServerLostError, Tick
from avvla.carla.server import Server
from avvla.carla.settings import CarlaSettings, Trip
from avvla.errors import UserError
from avvla.window import HISTORY_STEPS
from avvla.world.curve import STEP_M, Curve
from avvla.world.interface import Metrics, View
from avvla.world.road_map import RoadMap

END_M = 15.0
"""Before the route's end a drive is over, as in the embedded world."""
NOTICE = logging.getLogger(__name__)


class CarlaWorld:
    """reset -> observe / step ... -> metrics; see the module's docstring.

    Args:
        settings: what to drive in; the server's place is overridden by the environment.

    Raises:
        UserError: no server can be had, or it is not what the settings ask for.
    """

    def __init__(self, settings: CarlaSettings) -> None:
        self.settings = settings.here()
        self._client: Client | None = None
        self._server: Server | None = None
        if self.settings.server.mode == "spawn":
            self._server = Server(self.settings.server, host.carla_root())
        self._tables = lens.tables(self.settings.camera)
        self.camera = lens.equidistant(self.settings.camera)
        self._drive: _Drive | None = None
        try:
            self._opened = self._open()
        except BaseException:
            self.close()
            raise

    def _open(self) -> Opened:
        place = self._place()
        if self._client is not None:
            self._client.close()
        self._client = Client()
        return self._client.open(place, self.settings)

    def _place(self) -> address.Address:
        server = self.settings.server
        if self._server is None:
            place = address.checked(server.host, server.port)
            address.wait(place, server.ready_s)
            return place
        if self._server.started > server.restarts:
            raise UserError(
                f"the spawned CARLA server died {self._server.started} times, more than"
                f" server.restarts = {server.restarts}: look at its log, or lower what it draws"
            )
        return self._server.start()

    @property
    def road_map(self) -> RoadMap:
        """The town's roads in our axes."""
        return self._opened.road_map

    @property
    def town(self) -> str:
        """The map's name."""
        return self._opened.town

    @property
    def version(self) -> str:
        """The server's."""
        return self._opened.version

    def reset(self, scenario: Trip, *key: int) -> None:
        """Start a trip; the key decides place, route and the others.

        With equal keys our choices are equal, also the traffic manager's seed; the server's physics
        and its pedestrians are CARLA's.

        Raises:
            UserError: it cannot be had, or the server is lost and may not be started again.
        """
        self.settings = self.settings.model_copy(update={"trip": scenario})
        seed = int(np.random.SeedSequence([89, *key]).generate_state(1)[0])
        if self._drive is not None and self._drive.lost:
            self._opened = self._open()
        assert self._client is not None
        self._drive = _Drive(self._client.reset(seed, scenario))
        if self._drive.departure.shortage:
            NOTICE.warning("CARLA has %s", self._drive.departure.shortage)

    @property
    def tick(self) -> Tick:
        """The newest state of the world."""
        return self._under_way.tick

    @property
    def departure(self) -> Departure:
        """How the drive began."""
        return self._under_way.departure

    @property
    def command(self) -> str:
        """The one in force, by the route."""
        return self._under_way.command

    @property
    def heading_change(self) -> float:
        """Heading now relative to 1.5 s ago, left positive [rad]."""
        return self._under_way.heading_change

    @property
    def _under_way(self) -> _Drive:
        if self._drive is None:
            raise UserError("no drive has begun in CARLA: reset the world first")
        return self._drive

    def observe(self) -> View:
        """The front camera's frame and the motion; the frame is empty where the camera is off."""
        drive = self._under_way
        frame: NDArray[np.uint8] = np.zeros((0, 0, 3), np.uint8)
        if self.settings.camera.enabled:
            frame = np.zeros((self.camera.height, self.camera.width, 3), np.uint8)
            if not drive.lost:
                raw = self.sense(lens.RAW_NAME)[lens.RAW_NAME].data
                frame = lens.imaged(np.asarray(raw, np.uint8), self._tables)
        return View(frame, drive.tick.speed, drive.heading_change, drive.command)

    def sense(self, *names: str) -> dict[str, Reading]:
        """What the hero's sensors said in the last frame."""
        assert self._client is not None
        return self._client.sense(names)

    def step(self, acceleration: float, curvature: float) -> None:
        """Drive one action, m/s^2 and 1/m, for 0.1 s."""
        drive = self._under_way
        check_action(acceleration, curvature)
        if drive.lost:
            return
        assert self._client is not None
        try:
            drive.take(self._client.step(acceleration, curvature))
        except ServerLostError as error:
            drive.lost = True
            if self._server is None:
                raise
            NOTICE.warning("the spawned CARLA server is lost, the drive ends: %s", error)

    def metrics(self) -> Metrics:
        """The measures of the drive so far."""
        return self._under_way.metrics()

    @property
    def heading_error_rad(self) -> float:
        """The ego's yaw relative to the direction of its lane, left positive, in [-pi, pi)."""
        tick = self._under_way.tick
        return wrapped(tick.yaw - tick.lane_yaw)

    @property
    def route_ahead(self) -> NDArray[np.float64]:
        """(20, 2) waypoints of the route 4 m apart in the rig; NaN where it has run out."""
        return self._under_way.ahead()

    def close(self) -> None:
        """Take our actors out of the world; a server of our own ends, another goes on."""
        for part in (self._client, self._server):
            if part is not None:
                part.close()
        self._client, self._server = None, None


class _Drive:
    """One drive's memory."""

    def __init__(self, departure: Departure) -> None:
        self.departure, self.tick, self.lost = departure, departure.tick, False
        slope = np.gradient(departure.yaw, STEP_M) if len(departure.yaw) > 1 else departure.yaw
        self._route = Curve(departure.xy, departure.yaw, np.asarray(slope, np.float64))
        self._begin, self._steps = departure.tick.frame, 0
        self._headings = [departure.tick.yaw]
        self._s, self._lateral = self._route.project(self.tick.x, self.tick.y)
        self._collided, self._off_road = False, False

    def take(self, tick: Tick) -> None:
        """The state after a step."""
        self.tick, self._steps = tick, self._steps + 1
        before = self._headings[-1]
        self._headings.append(before + wrapped(tick.yaw - before))
        self._s, self._lateral = self._route.project(tick.x, tick.y, self._s)
        self._collided = self._collided or bool(tick.collisions)
        self._off_road = self._off_road or tick.off_road

    @property
    def heading_change(self) -> float:
        """Now relative to 1.5 s ago, left positive [rad]."""
        return self._headings[-1] - self._headings[max(len(self._headings) - 1 - HISTORY_STEPS, 0)]

    @property
    def command(self) -> str:
        """The route's, where the ego is on it."""
        last = len(self.departure.commands) - 1
        return self.departure.commands[min(max(round(self._s / STEP_M), 0), last)]

    def metrics(self) -> Metrics:
        """See `World.metrics`."""
        return Metrics(
            time_s=self._steps * DT_S,
            s_m=self._s,
            lateral_m=self._lateral,
            lane_offset_m=self._lateral,
            collided=self._collided,
            off_road=self._off_road,
            finished=self.lost or self._s > self._route.length - END_M,
        )

    def ahead(self) -> NDArray[np.float64]:
        """See `CarlaWorld.route_ahead`."""
        s = self._s + 4.0 * np.arange(20)
        points = np.array([self._route.at(float(one))[:2] for one in s])
        points[s > self._route.length] = np.nan
        dx, dy = (points - (self.tick.x, self.tick.y)).T
        cos, sin = np.cos(self.tick.yaw), np.sin(self.tick.yaw)
        return np.stack([cos * dx + sin * dy, cos * dy - sin * dx], -1)
