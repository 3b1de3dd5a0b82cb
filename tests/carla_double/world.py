"""The double's world: actors, how they move in a tick, and the bytes that tell of it."""

import itertools
import math
import socket
import struct
from dataclasses import dataclass, field

import msgpack

from carla_double import blueprints
from carla_double.blueprints import Scene
from carla_double.road import spawn_points

WHEELBASE_M, REAR_M = 2.85, 1.4
"""Of every car; the rear axle lies REAR_M behind the actor's location."""
MAX_STEER_DEG = 70.0
FULL_THROTTLE, FULL_BRAKE, DRAG = 3.6, 9.0, 0.04
"""Accelerations [m/s^2], and what is lost a second per m/s."""
EXTENT = [2.4, 0.95, 0.75]
CONTROL = [0.0, 0.0, 0.0, False, False, False, 0]
STEERING_CURVE = [[0.0, 1.0], [20.0, 0.9], [60.0, 0.8], [120.0, 0.7]]
"""Speed [km/h] and what of the steering is left."""


@dataclass
class Faults:
    """What goes wrong, and when."""

    garbled_frame: int = -1
    """The world's stream tells nonsense in this frame, at which the real client aborts."""
    deaf_calls: tuple[str, ...] = ()
    """Calls that are never answered."""
    silent: tuple[str, ...] = ()
    """Kinds of sensors that send nothing."""
    blocked: bool = False
    """Nothing that drives can be spawned."""
    dies_frame: int = -1


@dataclass
class Actor:
    """Location [m] and rotation (pitch, yaw, roll) [degree] in CARLA's axes."""

    id: int
    kind: str
    description: list
    location: list
    rotation: list
    parent: int = 0
    control: list = field(default_factory=lambda: list(CONTROL))
    speed: float = 0.0
    yaw_rate: float = 0.0
    pushed: float = 0.0

    @property
    def attributes(self):
        known = dict(blueprints.KINDS[self.kind])
        return known | {name: value for name, _, value in self.description[2]}


class World:
    """One episode; the server holds its lock around every call."""

    def __init__(self, faults=None):
        self.faults = faults or Faults()
        self.town, self.episode, self.frame, self.time = "Carla/Maps/Loop", 1, 1, 0.0
        self.settings = [False, False, [False], True, 0.01, 10, 0.0, False, 3000.0, 2000.0, False]
        self.weather = None
        self.actors, self._ids = {}, itertools.count(100)
        self.spectator = self._add("static.prop.spectator", [0, "spectator", []], [[0] * 3] * 2, 0)
        self.signs = []

    def _add(self, kind, description, pose, parent):
        actor = Actor(
            next(self._ids), kind, description, list(pose[0]), list(pose[1]), parent=parent
        )
        self.actors[actor.id] = actor
        return actor

    def spawn(self, description, pose, parent=0):
        """An actor, or None where another stands."""
        kind = description[1]
        drives = kind.startswith(("vehicle.", "walker."))
        if drives and (self.faults.blocked or self._near(pose[0])):
            return None
        return self._add(kind, description, pose, parent)

    def _near(self, location):
        return any(
            math.dist(location[:2], actor.location[:2]) < 4.0
            for actor in self.actors.values()
            if actor.kind.startswith(("vehicle.", "walker."))
        )

    def destroy(self, actor_id):
        """Whether there was one."""
        return self.actors.pop(actor_id, None) is not None

    def tick(self, delta_s):
        """Move everything; the sensors' messages as (actor, serializer, frame's payload)."""
        self.frame, self.time = self.frame + 1, self.time + delta_s
        cars = [a for a in self.actors.values() if a.kind.startswith("vehicle.")]
        for car in cars:
            _drive(car, delta_s)
        told = []
        for sensor in list(self.actors.values()):
            index, parent = blueprints.INDEX.get(sensor.kind), self.actors.get(sensor.parent)
            if index is None or parent is None or sensor.kind in self.faults.silent:
                continue
            if sensor.kind in blueprints.EVENTS:
                told += [(sensor, index, event) for event in _events(sensor, parent, cars, self)]
                continue
            scene = Scene(self.frame, *parent.location[:2], parent.rotation[1], abs(parent.speed))
            told.append((sensor, index, blueprints.payload(sensor.kind, sensor.attributes, scene)))
        return told

    def snapshot(self, delta_s):
        """The message of the world's stream."""
        head = struct.pack("<QQd6f", blueprints.WORLD_INDEX, self.frame, self.time, *[0.0] * 6)
        body = struct.pack("<QdfiiiI", self.episode, self.time, delta_s, 0, 0, 0, 0)
        if self.frame == self.faults.garbled_frame:
            return struct.pack("<Q", 999) + head[8:30]
        return head + body + b"".join(_state(actor) for actor in self.actors.values())

    def message(self, sensor, index, payload):
        """The message of a sensor's stream."""
        at = (*sensor.location, *sensor.rotation)
        return struct.pack("<QQd6f", index, self.frame, self.time, *at) + payload

    def told(self, actor, host, port):
        """The actor as the protocol has it."""
        box = [[0.0, 0.0, 0.75], EXTENT, [0.0, 0.0, 0.0], 0]
        if actor.kind.startswith("walker."):
            box = [[0.0, 0.0, 0.0], [0.3, 0.3, 0.9], [0.0, 0.0, 0.0], 0]
        streams = actor.kind in blueprints.INDEX
        tags = b"\x0e" if actor.kind.startswith("vehicle.") else b"\x0c"
        given = token(actor.id, host, port) if streams else b""
        return [actor.id, actor.parent, actor.description, box, tags, given]

    def physics(self, actor):
        """What get_physics_control tells: wheels in centimetres, in the world."""
        yaw = math.radians(actor.rotation[1])
        wheels = []
        for ahead in (WHEELBASE_M - REAR_M, -REAR_M):
            for aside in (-0.8, 0.8):
                x = actor.location[0] + ahead * math.cos(yaw) - aside * math.sin(yaw)
                y = actor.location[1] + ahead * math.sin(yaw) + aside * math.cos(yaw)
                steer = MAX_STEER_DEG if ahead > 0 else 0.0
                place = [100 * x, 100 * y, 30.0]
                wheels.append([3.5, 0.25, steer, 35.0, 700.0, 1400.0, 3.0, 20.0, 3000.0, place])
        torque = [[0.0, 400.0], [5000.0, 400.0]]
        return [
            torque, 5000.0, 1.0, 0.15, 2.0, 0.35, True, 0.0, 10.0, 4.0, [], 1850.0, 0.3,
            [0.0, 0.0, 0.0], STEERING_CURVE, wheels, False,
        ]  # fmt: skip


def token(stream, host, port):
    """24 bytes: stream, port, protocol TCP over IPv4, the address that the client connects to."""
    return struct.pack("<IHBB16s", stream, port + 1, 1, 1, socket.inet_aton(host))


def map_info(town):
    """Name and spawn points."""
    return [town, spawn_points()]


def _drive(car, delta_s):
    throttle, steer, brake = (float(number) for number in car.control[:3])
    if car.control[3]:
        brake = 1.0
    forward = -1.0 if car.control[4] else 1.0
    share = _curve(abs(car.speed) * 3.6)
    angle = math.radians(MAX_STEER_DEG) * min(max(steer, -1.0), 1.0) * share
    curvature = math.tan(angle) / WHEELBASE_M
    yaw = math.radians(car.rotation[1])
    rear_x = car.location[0] - REAR_M * math.cos(yaw)
    rear_y = car.location[1] - REAR_M * math.sin(yaw)
    speed = car.speed + forward * FULL_THROTTLE * min(max(throttle, 0.0), 1.0) * delta_s
    speed += car.pushed
    slower = (FULL_BRAKE * min(max(brake, 0.0), 1.0) + DRAG * abs(speed)) * delta_s
    speed = math.copysign(max(abs(speed) - slower, 0.0), speed)
    car.pushed = 0.0
    middle = yaw + speed * curvature * delta_s / 2
    rear_x += speed * math.cos(middle) * delta_s
    rear_y += speed * math.sin(middle) * delta_s
    yaw += speed * curvature * delta_s
    car.speed, car.yaw_rate = speed, speed * curvature
    car.rotation[1] = math.degrees(yaw)
    car.location[:2] = rear_x + REAR_M * math.cos(yaw), rear_y + REAR_M * math.sin(yaw)


def _curve(kmh):
    for (low, high), (low_share, high_share) in [
        ((a[0], b[0]), (a[1], b[1])) for a, b in itertools.pairwise(STEERING_CURVE)
    ]:
        if kmh <= high:
            return low_share + (kmh - low) / (high - low) * (high_share - low_share)
    return STEERING_CURVE[-1][1]


def _events(sensor, parent, cars, world):
    """Payloads of what happened to the parent."""
    yaw, found = math.radians(parent.rotation[1]), []
    for car in cars:
        if car is parent:
            continue
        dx, dy = (car.location[i] - parent.location[i] for i in (0, 1))
        ahead = dx * math.cos(yaw) + dy * math.sin(yaw)
        aside = -dx * math.sin(yaw) + dy * math.cos(yaw)
        touches = abs(ahead) < 2 * EXTENT[0] and abs(aside) < 2 * EXTENT[1]
        others = [world.told(parent, "0.0.0.0", 0), world.told(car, "0.0.0.0", 0)]
        if sensor.kind == "sensor.other.collision" and touches:
            found.append(msgpack.packb([*others, [10.0, 0.0, 0.0]]))
        gap = ahead - 2 * EXTENT[0]
        reach = float(sensor.attributes.get("distance", 0.0))
        if sensor.kind == "sensor.other.obstacle" and abs(aside) < 1.9 and 0 < gap < reach:
            found.append(msgpack.packb([*others, gap]))
    return found


def _state(actor):
    yaw = math.radians(actor.rotation[1])
    velocity = (actor.speed * math.cos(yaw), actor.speed * math.sin(yaw), 0.0)
    turning = (0.0, 0.0, math.degrees(actor.yaw_rate))
    pitch, turn, roll = actor.rotation
    body = struct.pack("<6f", *actor.location, pitch, turn, roll)
    kind = b""
    if actor.kind.startswith("vehicle."):
        throttle, steer, brake, hand, reverse, manual, gear = actor.control
        kind = struct.pack("<fff???i", throttle, steer, brake, hand, reverse, manual, gear)
        kind += struct.pack("<fB?I", 30.0, 4, False, 0)
    return (
        struct.pack("<IB", actor.id, 1)
        + body
        + struct.pack("<9f", *velocity, *turning, 0.0, 0.0, 0.0)
        + kind.ljust(54, b"\0")
    )
