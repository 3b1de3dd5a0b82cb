"""Sensors on the hero: what they send, matched to the server's frames.

| type | array |
|---|---|
| sensor.camera.rgb | (H, W, 3) uint8 RGB |
| sensor.camera.depth | (H, W) float32 [m] |
| sensor.camera.semantic_segmentation | (H, W) uint8, the tag of the object |
| sensor.camera.instance_segmentation | (H, W, 3) int32: tag, and the object's number in two bytes |
| sensor.camera.optical_flow | (H, W, 2) float32, as CARLA tells it |
| sensor.camera.dvs | (N, 4) int64 x, y [px], time [ns], polarity 0 or 1 |
| sensor.lidar.ray_cast | (N, 4) float32 x, y, z [m], intensity |
| sensor.lidar.ray_cast_semantic | (N, 6) float32 x, y, z [m], cosine of incidence, object, tag |
| sensor.other.radar | (N, 4) float32 velocity [m/s], azimuth, altitude [rad], depth [m] |
| sensor.other.gnss | (3,) float64 latitude, longitude [degree], altitude [m] |
| sensor.other.imu | (7,) float64 acceleration [m/s^2], angular rate [rad/s], compass [rad] |
| sensor.other.collision, .lane_invasion, .obstacle | (N,) text, what it was, since last asked |

Points and vectors are in the sensor's place with y to the left; other values are CARLA's.
"""

from __future__ import annotations

import queue
import time
from collections.abc import Callable
from typing import Any

import carla
import numpy as np
from numpy.typing import NDArray

from avvla.carla.exchange import Reading
from avvla.carla.names import unknown
from avvla.carla.settings import Sensor
from avvla.carla.spawn_point import parse
from avvla.errors import UserError

EVENTS = ("sensor.other.collision", "sensor.other.lane_invasion", "sensor.other.obstacle")
DEEPEST_M = 1000.0
"""What the depth camera's 24 bits stand for."""

FIRST_S = 0.1
"""For a sensor's data of one frame while its stream may not be connected yet."""

Data = NDArray[np.generic]


class Attached:
    """One sensor and what has come of it."""

    def __init__(self, actor: Any, settings: Sensor) -> None:
        self.actor, self.type = actor, settings.type
        self.is_event = settings.type in EVENTS
        # With a pace of its own it has nothing to say in most frames.
        self.every_frame = not self.is_event and not settings.attributes.get("sensor_tick")
        self.came: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self.last: Any = None
        actor.listen(self.came.put)

    def take(self, frame: int, timeout_s: float) -> bool:
        """Whether the data of a frame came in time; what is older is left behind."""
        while self.every_frame:
            try:
                data = self.came.get(timeout=timeout_s)
            except queue.Empty:
                return False
            if data.frame >= frame:
                self.last = data
                return bool(data.frame == frame)
        while not self.is_event and not self.came.empty():
            self.last = self.came.get()
        return True

    def happened(self) -> list[Any]:
        """The events since the last call."""
        found = []
        while not self.came.empty():
            found.append(self.came.get())
        return found


class Sensors:
    """All of a hero, by name."""

    def __init__(self) -> None:
        self._attached: dict[str, Attached] = {}

    def attach(self, world: Any, hero: Any, name: str, settings: Sensor) -> None:
        """Spawn one on the hero.

        Raises:
            UserError: its type or an attribute is unknown.
        """
        library = world.get_blueprint_library()
        known = [str(blueprint.id) for blueprint in library.filter("sensor.*")]
        if settings.type not in known or settings.type not in ARRAYS.keys() | set(EVENTS):
            usable = [kind for kind in known if kind in ARRAYS or kind in EVENTS]
            raise unknown(f"type of the sensor {name!r},", settings.type, usable)
        blueprint = library.find(settings.type)
        for key, value in settings.attributes.items():
            if not blueprint.has_attribute(key):
                has = [str(attribute.id) for attribute in blueprint]
                raise unknown(f"attribute of the sensor {name!r},", key, has)
            text = str(value).lower() if isinstance(value, bool) else str(value)
            blueprint.set_attribute(key, text)
        place = parse(settings.transform)
        roll, pitch, yaw = place.rotation or (0.0, 0.0, 0.0)
        pose = carla.Transform(
            carla.Location(*place.location), carla.Rotation(pitch=pitch, yaw=yaw, roll=roll)
        )
        actor = world.spawn_actor(blueprint, pose, attach_to=hero.actor)
        self._attached[name] = Attached(actor, settings)

    def start(self, tick: Callable[[], int], timeout_s: float) -> None:
        """Tick until every sensor speaks: a stream is connected some frames after its sensor.

        Args:
            tick: advances the world, to the frame that it returns.
            timeout_s: how long at most.

        Raises:
            UserError: one says nothing.
        """
        end = time.monotonic() + timeout_s
        frame = tick()
        while not all(one.take(frame, FIRST_S) for one in self._attached.values()):
            if time.monotonic() > end:
                return self.collect(frame, FIRST_S, timeout_s)
            frame = tick()
        return None

    def collect(self, frame: int, timeout_s: float, told_s: float | None = None) -> None:
        """Wait until every sensor has said what it has to say in this frame.

        Raises:
            UserError: one has not in time.
        """
        for name, sensor in self._attached.items():
            if not sensor.take(frame, timeout_s):
                raise UserError(
                    f"the sensor {name!r} ({sensor.type}) sent nothing for frame {frame} within"
                    f" {told_s or timeout_s:g} s: the server is too slow for it, or its picture too"
                    " large"
                )

    def reading(self, name: str) -> Reading:
        """What one said last.

        Raises:
            UserError: there is no such sensor.
        """
        if name not in self._attached:
            raise unknown("sensor", name, list(self._attached))
        sensor = self._attached[name]
        if sensor.is_event:
            return Reading(-1, np.array(self.events(name), dtype=np.str_))
        if sensor.last is None:
            raise UserError(f"the sensor {name!r} has said nothing yet: drive on and ask again")
        return Reading(int(sensor.last.frame), ARRAYS[sensor.type](sensor.last))

    def events(self, name: str) -> tuple[str, ...]:
        """What an event sensor told since the last call, in words."""
        if name not in self._attached:
            return ()
        return tuple(text for event in self._attached[name].happened() for text in _words(event))

    def clear(self) -> None:
        """Stop and destroy all."""
        for sensor in self._attached.values():
            sensor.actor.stop()
            sensor.actor.destroy()
        self._attached = {}


def _words(event: Any) -> list[str]:
    if isinstance(event, carla.LaneInvasionEvent):
        return [str(marking.type) for marking in event.crossed_lane_markings]
    other = event.other_actor.type_id if event.other_actor is not None else "unknown"
    if isinstance(event, carla.ObstacleDetectionEvent):
        return [f"{other} at {event.distance:.2f} m"]
    return [str(other)]


def _pixels(image: Any) -> NDArray[np.uint8]:
    """(H, W, 4) BGRA."""
    return np.frombuffer(image.raw_data, np.uint8).reshape(image.height, image.width, 4)


def _rgb(image: Any) -> Data:
    return np.ascontiguousarray(_pixels(image)[..., 2::-1])


def _depth(image: Any) -> Data:
    blue, green, red = (_pixels(image)[..., i].astype(np.float32) for i in range(3))
    share = (red + 256.0 * green + 65536.0 * blue) / (2**24 - 1)
    return np.asarray(share * DEEPEST_M, np.float32)


def _tags(image: Any) -> Data:
    return _pixels(image)[..., 2].copy()


def _instances(image: Any) -> Data:
    return np.ascontiguousarray(_pixels(image)[..., 2::-1]).astype(np.int32)


def _flow(image: Any) -> Data:
    flow = np.frombuffer(image.raw_data, np.float32)
    return flow.reshape(image.height, image.width, 2).copy()


def _dvs(events: Any) -> Data:
    rows = [(event.x, event.y, event.t, event.pol) for event in events]
    return np.array(rows, np.int64).reshape(-1, 4)


def _lidar(scan: Any) -> Data:
    points = np.frombuffer(scan.raw_data, np.float32).reshape(-1, 4).copy()
    points[:, 1] *= -1.0
    return points


def _semantic_lidar(scan: Any) -> Data:
    raw = np.frombuffer(scan.raw_data, np.float32).reshape(-1, 6)
    points = raw.copy()
    points[:, 1] *= -1.0
    points[:, 4:] = raw.view(np.uint32)[:, 4:]
    return points


def _radar(scan: Any) -> Data:
    rows = [(one.velocity, one.azimuth, one.altitude, one.depth) for one in scan]
    return np.array(rows, np.float32).reshape(-1, 4)


def _gnss(fix: Any) -> Data:
    return np.array([fix.latitude, fix.longitude, fix.altitude])


def _imu(sample: Any) -> Data:
    pushed, turning = sample.accelerometer, sample.gyroscope
    # A rate about x or z changes its sign with the mirror, one about y does not.
    rates = (-turning.x, turning.y, -turning.z)
    return np.array([pushed.x, -pushed.y, pushed.z, *rates, sample.compass])


ARRAYS: dict[str, Callable[[Any], Data]] = {
    "sensor.camera.rgb": _rgb,
    "sensor.camera.depth": _depth,
    "sensor.camera.semantic_segmentation": _tags,
    "sensor.camera.instance_segmentation": _instances,
    "sensor.camera.optical_flow": _flow,
    "sensor.camera.dvs": _dvs,
    "sensor.lidar.ray_cast": _lidar,
    "sensor.lidar.ray_cast_semantic": _semantic_lidar,
    "sensor.other.radar": _radar,
    "sensor.other.gnss": _gnss,
    "sensor.other.imu": _imu,
}
"""By blueprint; the table in the module's docstring says what they are."""
