"""CARLA's client at work, in a process of its own: a world held in step, and one hero in it.

The server ticks only when it is told to, by `timestep_s` each time, and an action is held for
0.1 s. What was spawned here is destroyed here and nothing else; the server's settings are put back.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence
from pathlib import Path

import carla
import numpy as np

from avvla.actions.unicycle import DT_S
from avvla.carla import roads
from avvla.carla.actors import Cast
from avvla.carla.address import FIRST_PAUSE_S, LONGEST_PAUSE_S, Address
from avvla.carla.axes import yaw_rad
from avvla.carla.controller import Controller, Pedals, check_action
from avvla.carla.exchange import Departure, Opened, Reading, ServerLostError, Tick
from avvla.carla.lens import RAW_NAME, pinhole
from avvla.carla.names import unknown
from avvla.carla.sensors import Sensors
from avvla.carla.settings import CarlaSettings, Sensor, Trip
from avvla.carla.surroundings import Neighbours
from avvla.errors import UserError

CLOSE_S = 2.0
"""For a server to answer once more before it is left."""
SETTLE_TICKS = 5
"""For a spawned car to come down on its wheels."""
EMPTY_MAP = "the map has no lane for vehicles: the OpenDRIVE is empty or holds no roads"


class Session:
    """Methods are the calls of `avvla.carla.client.Client`."""

    def __init__(self) -> None:
        self._world: carla.World | None = None
        self._cast = Cast()
        self._sensors = Sensors()

    def versions(self, address: Address, timeout_s: float) -> tuple[str, str]:
        """The server's version and the client's."""
        client = carla.Client(address.host, address.port)
        client.set_timeout(timeout_s)
        try:
            return client.get_server_version(), client.get_client_version()
        except RuntimeError:
            raise UserError(
                f"{address} accepts connections and does not answer as CARLA within"
                f" {timeout_s:g} s: it is another service, or a server that hangs"
            ) from None

    def open(self, address: Address, settings: CarlaSettings) -> Opened:
        """Make the server's world as the settings say."""
        self.close()
        self._settings, self._address = settings, address
        server = settings.server
        weather = _weather(settings.weather)
        theirs, ours = self._ready(address, settings)
        if theirs != ours and not server.allow_version_mismatch:
            raise UserError(
                f"the CARLA server at {address} is {theirs}, this client {ours}: run the server of"
                " the client's version, or pass --allow-version-mismatch"
            )
        self._client = carla.Client(address.host, address.port)
        self._client.set_timeout(server.timeout_s)
        self._load()
        world = self._world = self._client.get_world()
        self._before = world.get_settings()
        told = world.get_settings()
        told.synchronous_mode, told.fixed_delta_seconds = True, settings.timestep_s
        world.apply_settings(told)
        world.set_weather(weather)
        self._map = world.get_map()
        if not self._map.get_topology():
            raise UserError(EMPTY_MAP)
        self._neighbours = Neighbours(world)
        if settings.background.vehicles:
            self._traffic = self._manager(settings.traffic_port)
            self._traffic.set_synchronous_mode(True)
            self._traffic.set_hybrid_physics_mode(settings.background.hybrid)
        return Opened(theirs, self._map.name.rpartition("/")[2], roads.road_map(self._map))

    def _ready(self, address: Address, settings: CarlaSettings) -> tuple[str, str]:
        """The versions, once the server tells its own: it listens before it answers."""
        end, pause = time.monotonic() + settings.server.ready_s, FIRST_PAUSE_S
        while True:
            try:
                return self.versions(address, settings.server.timeout_s)
            except UserError:
                if time.monotonic() + pause > end:
                    raise
            time.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE_S)

    def _load(self) -> None:
        """Have the town or the OpenDRIVE of the settings on the server."""
        settings = self._settings
        if settings.xodr is not None:
            self._client.generate_opendrive_world(_open_drive(Path(settings.xodr)))
        elif settings.town is not None:
            towns = sorted(name.rpartition("/")[2] for name in self._client.get_available_maps())
            if settings.town not in towns:
                raise unknown("town", settings.town, towns)
            if self._client.get_world().get_map().name.rpartition("/")[2] != settings.town:
                self._client.load_world(settings.town)

    def _manager(self, port: int) -> carla.TrafficManager:
        try:
            return self._client.get_trafficmanager(port)
        except RuntimeError as error:
            raise UserError(
                f"the traffic manager cannot have port {port}: {error}; choose another traffic_port"
            ) from None

    def reset(self, seed: int, trip: Trip) -> Departure:
        """Begin a drive: hero, others and route drawn from the seed."""
        world, settings = self._opened(), self._settings
        rng = np.random.default_rng(seed)
        self._sensors.clear()
        self._cast.clear()
        if settings.background.vehicles:
            self._traffic.set_random_device_seed(seed % 2**31)
        world.set_pedestrians_seed(seed % 2**31)
        hero = self._hero = self._cast.hero(world, self._map, settings.hero, rng)
        for name, sensor in {**settings.hero.sensors, **self._own_sensors()}.items():
            self._sensors.attach(world, hero, name, sensor)
        hero.apply(Pedals(0.0, 1.0, 0.0))
        self._sensors.start(self._world_tick, settings.server.timeout_s)
        shortage = self._cast.background(world, self._map, settings, rng)
        for _ in range(SETTLE_TICKS):
            self._frame = self._advance()
        self._neighbours.forget()
        speed = trip.start_speed_mps
        self._controller = Controller(hero.chassis, speed)
        if speed:
            hero.push(speed)
            hero.apply(Pedals(0.0, 0.0, 0.0))
            self._frame = self._advance()
        self._sensors.events("collision")
        route = roads.route(self._map, hero.waypoint(self._map), trip.route_m, rng)
        return Departure(
            xy=route.xy,
            yaw=route.yaw,
            commands=route.commands,
            length=hero.length,
            width=hero.width,
            ahead=hero.ahead,
            tick=self._tick(),
            shortage=shortage,
        )

    def _own_sensors(self) -> dict[str, Sensor]:
        """What the world itself needs."""
        own = {
            "collision": Sensor(type="sensor.other.collision"),
            "lane_invasion": Sensor(type="sensor.other.lane_invasion"),
        }
        if self._settings.camera.enabled:
            own[RAW_NAME] = pinhole(self._settings.camera, self._hero.chassis.rear_m)
        return own

    def step(self, acceleration: float, curvature: float) -> Tick:
        """Drive for 0.1 s."""
        self._opened()
        check_action(acceleration, curvature)
        step_s = self._settings.timestep_s
        for _ in range(round(DT_S / step_s)):
            speed = self._hero.speed()
            self._hero.apply(self._controller.control(acceleration, curvature, speed, step_s))
            self._frame = self._advance()
        return self._tick()

    def sense(self, names: Sequence[str]) -> dict[str, Reading]:
        """What sensors said in the last frame."""
        return {name: self._sensors.reading(name) for name in names}

    def _advance(self) -> int:
        frame = self._world_tick()
        self._sensors.collect(frame, self._settings.server.timeout_s)
        return frame

    def _world_tick(self) -> int:
        return int(self._opened().tick(self._settings.server.timeout_s))

    def _tick(self) -> Tick:
        hero, world = self._hero, self._opened()
        snapshot = world.get_snapshot()
        state = snapshot.find(hero.id)
        if state is None:
            raise ServerLostError(
                f"the hero is gone from the server at {self._address}: another client destroyed it"
            )
        pose, velocity = state.get_transform(), state.get_velocity()
        x, y, yaw = hero.rear_axle(pose)
        others, walking, lights = self._neighbours.around(snapshot, hero.id)
        lane = self._map.get_waypoint(pose.location)
        return Tick(
            frame=self._frame,
            x=x,
            y=y,
            yaw=yaw,
            speed=float(velocity.x * np.cos(yaw) - velocity.y * np.sin(yaw)),
            lane_yaw=yaw_rad(lane.transform.rotation.yaw),
            off_road=not roads.drivable(self._map, pose.location),
            others=others,
            walking=walking,
            lights=lights,
            collisions=self._sensors.events("collision"),
            crossed=self._sensors.events("lane_invasion"),
        )

    def _opened(self) -> carla.World:
        if self._world is None:
            raise ServerLostError("no CARLA server is open")
        return self._world

    def close(self) -> None:
        """Destroy what was spawned, and give the server back its settings."""
        if self._world is None:
            return
        world, self._world = self._world, None
        # A server that is gone has nothing left to be put in order.
        with contextlib.suppress(RuntimeError):
            # Each destruction would wait for a dead server by itself, so that it is asked first.
            self._client.set_timeout(CLOSE_S)
            self._client.get_server_version()
            self._client.set_timeout(self._settings.server.timeout_s)
            self._sensors.clear()
            self._cast.clear()
            if self._settings.background.vehicles:
                self._traffic.set_synchronous_mode(False)
            world.apply_settings(self._before)
        # What could not be destroyed went with its server.
        self._cast, self._sensors = Cast(), Sensors()


def _weather(name: str) -> carla.WeatherParameters:
    kind = carla.WeatherParameters
    presets = sorted(key for key in vars(kind) if isinstance(getattr(kind, key), kind))
    if name not in presets:
        raise unknown("weather", name, presets)
    return getattr(kind, name)


def _open_drive(path: Path) -> str:
    """The text of an OpenDRIVE file that has lanes.

    The library takes a document without roads for an empty map and says nothing.
    """
    try:
        text = path.read_text()
        lanes = carla.Map(path.stem, text).get_topology()
    except (OSError, ValueError, RuntimeError) as error:
        raise UserError(f"{path} cannot be read as OpenDRIVE: {error}") from None
    if not lanes:
        raise UserError(f"{path}: {EMPTY_MAP}")
    return text
