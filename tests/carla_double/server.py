"""The double's two ports: calls on one, streams on the next."""

import contextlib
import socket
import struct
import threading
import time

import msgpack

from carla_double.blueprints import definitions
from carla_double.road import open_drive
from carla_double.world import World, map_info, token

WORLD_STREAM = 1
APPLY_VEHICLE_CONTROL, APPLY_TRANSFORM = 2, 6
"""Numbers of commands in a batch, found by trial."""
FREE_TICK_S = 0.02
TOWNS = ["/Game/Carla/Maps/Loop", "/Game/Carla/Maps/Town05_Opt"]


class Double:
    """Serves until it is closed.

    Args:
        port: of the calls; streams are on the next. 0 takes a free pair.
        host: address to listen at, and to tell clients.
        version: that it tells.
        faults: what goes wrong.
        open_drive: its map.
    """

    def __init__(self, port=0, host="127.0.0.1", version="0.9.16", faults=None, xodr=None):
        self.version, self.xodr = version, xodr if xodr is not None else open_drive()
        self.world, self.host = World(faults), host
        self.calls, self.unknown, self.managers = [], [], {}
        self._lock, self._streams, self._open = threading.RLock(), {}, True
        self._sockets = []
        self._listeners = _pair(host, port)
        self.port = self._listeners[0].getsockname()[1]
        for listener, serve in zip(
            self._listeners, (self._serve_calls, self._serve_stream), strict=True
        ):
            self._thread(self._accept, listener, serve)
        self._thread(self._run_free)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    @property
    def is_open(self):
        """Whether it serves."""
        return self._open

    def close(self):
        """Shut both ports, as a server that dies does."""
        self._open = False
        with self._lock:
            for each in (*self._listeners, *self._sockets):
                with contextlib.suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)
                each.close()

    def _thread(self, work, *arguments):
        threading.Thread(target=work, args=arguments, daemon=True).start()

    def _accept(self, listener, serve):
        while self._open:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._lock:
                self._sockets.append(client)
            self._thread(serve, client)

    def _serve_stream(self, client):
        with contextlib.suppress(OSError):
            wanted = client.recv(4, socket.MSG_WAITALL)
            if len(wanted) < 4:
                return
            (stream,) = struct.unpack("<I", wanted)
            with self._lock:
                self._streams.setdefault(stream, []).append(client)
                if stream == WORLD_STREAM:
                    _send(client, self.world.snapshot(0.0))
            client.recv(1)
        with self._lock:
            for clients in self._streams.values():
                if client in clients:
                    clients.remove(client)
        client.close()

    def _serve_calls(self, client):
        unpacker = msgpack.Unpacker(strict_map_key=False)
        with contextlib.suppress(OSError):
            while data := client.recv(1 << 16):
                unpacker.feed(data)
                for message in unpacker:
                    _, number, method, (_, *arguments) = message
                    answer = self._answer(method, arguments)
                    if answer is not None:
                        client.sendall(msgpack.packb([1, number, None, answer]))
        client.close()

    def _answer(self, method, arguments):
        with self._lock:
            self.calls.append(method)
            if method in self.world.faults.deaf_calls:
                return None
            handler = getattr(self, f"call_{method}", None)
            if handler is None:
                self.unknown.append(method)
                return [[0, [f"the double has no {method}"]]]
            return handler(*arguments)

    def _run_free(self):
        while self._open:
            time.sleep(FREE_TICK_S)
            with self._lock:
                if self._open and not self.world.settings[0]:
                    self._tick(FREE_TICK_S)

    def _tick(self, delta_s):
        told = self.world.tick(delta_s)
        if self.world.frame == self.world.faults.dies_frame:
            self.close()
            return
        # A sensor's message is on its way before the world says that the frame is over.
        for sensor, index, payload in told:
            message = self.world.message(sensor, index, payload)
            self._publish(sensor.id, message)
        self._publish(WORLD_STREAM, self.world.snapshot(delta_s))

    def _publish(self, stream, message):
        for client in self._streams.get(stream, ()):
            with contextlib.suppress(OSError):
                _send(client, message)

    def call_version(self):
        return _value(self.version)

    def call_get_available_maps(self):
        return _value(TOWNS)

    def call_load_new_episode(self, name, *_):
        known = [town for town in TOWNS if town.rpartition("/")[2] == name.rpartition("/")[2]]
        if not known:
            return [[0, [f"map not found {name}"]]]
        self._begin("Carla/Maps/" + name.rpartition("/")[2])
        return [[False]]

    def call_copy_opendrive_to_file(self, text, *_):
        self.xodr = text
        self._begin("Carla/Maps/OpenDriveMap")
        return [[False]]

    def _begin(self, town):
        before = self.world
        self.world = World(before.faults)
        self.world.town, self.world.episode = town, before.episode + 1
        self.world.frame, self.world.settings = before.frame, before.settings
        self._publish(WORLD_STREAM, self.world.snapshot(0.0))

    def call_get_episode_info(self):
        return _value([self.world.episode, [token(WORLD_STREAM, self.host, self.port)]])

    def call_get_sensor_token(self, stream):
        return _value([token(stream, self.host, self.port)])

    def call_get_episode_settings(self):
        return _value(self.world.settings)

    def call_set_episode_settings(self, settings):
        self.world.settings = settings
        return _value(self.world.frame)

    def call_get_weather_parameters(self):
        return _value(self.world.weather or [0.0] * 14)

    def call_set_weather_parameters(self, weather):
        self.world.weather = weather
        return [[False]]

    def call_is_weather_enabled(self):
        return _value(True)

    def call_query_lights_state(self, *_):
        return _value([])

    def call_get_required_files(self, *_):
        return _value([])

    def call_get_map_info(self):
        return _value(map_info(self.world.town))

    def call_get_map_data(self):
        return _value(self.xodr)

    def call_get_actor_definitions(self):
        return _value(definitions())

    def call_spawn_actor(self, description, pose):
        return self._spawned(self.world.spawn(description, pose))

    def call_spawn_actor_with_parent(self, description, pose, parent, *_):
        return self._spawned(self.world.spawn(description, pose, parent))

    def _spawned(self, actor):
        if actor is None:
            return [[0, ["Spawn failed because of collision at spawn position"]]]
        return _value(self.world.told(actor, self.host, self.port))

    def call_get_actors_by_id(self, ids):
        known = [self.world.actors[i] for i in ids if i in self.world.actors]
        return _value([self.world.told(actor, self.host, self.port) for actor in known])

    def call_get_spectator(self):
        return _value(self.world.told(self.world.spectator, self.host, self.port))

    def call_get_actor_bounding_box(self, actor):
        return _value(self.world.told(self.world.actors[actor], self.host, self.port)[3])

    def call_get_physics_control(self, actor):
        return _value(self.world.physics(self.world.actors[actor]))

    def call_set_actor_transform(self, actor, pose):
        moved = self.world.actors[actor]
        moved.location, moved.rotation = list(pose[0]), list(pose[1])
        return [[False]]

    def call_set_actor_target_velocity(self, actor, velocity):
        moved = self.world.actors[actor]
        moved.speed = sum(number**2 for number in velocity) ** 0.5
        return [[False]]

    def call_set_actor_autopilot(self, *_):
        return [[False]]

    def call_set_actor_simulate_physics(self, *_):
        return [[False]]

    def call_reset_all_traffic_lights(self):
        return [[False]]

    def call_get_vehicle_light_states(self, *_):
        return _value([])

    def call_apply_batch(self, commands, *_):
        """Of a traffic manager: what moves its cars; other commands are answered and left out."""
        answers = []
        for ((kind, fields),) in commands:
            if kind == APPLY_VEHICLE_CONTROL:
                self.call_apply_control_to_vehicle(*fields)
            elif kind == APPLY_TRANSFORM:
                self.call_set_actor_transform(*fields)
            answers.append(_value(fields[0]))
        return answers

    def call_apply_control_to_vehicle(self, actor, control):
        if actor in self.world.actors:
            self.world.actors[actor].control = control
        return [[False]]

    def call_tick_cue(self):
        fixed = self.world.settings[2]
        self._tick(fixed[1] if fixed[0] else 0.05)
        return _value(self.world.frame) if self._open else None

    def call_destroy_actor(self, actor):
        return _value(self.world.destroy(actor))

    def call_is_sensor_enabled_for_ros(self, *_):
        return _value(False)

    def call_is_traffic_manager_running(self, port):
        return _value(port in self.managers)

    def call_get_traffic_manager_running(self, port):
        return _value([self.managers.get(port, ""), port if port in self.managers else 0])

    def call_add_traffic_manager_running(self, place):
        self.managers[place[1]] = place[0]
        return _value(True)

    def call_destroy_traffic_manager(self, port):
        return _value(self.managers.pop(port, None) is not None)


def _value(value):
    return [[1, value]]


def _send(client, message):
    client.sendall(struct.pack("<I", len(message)) + message)


def _pair(host, port):
    """Two listening sockets, on a port and the next."""
    for _ in range(100):
        first = socket.create_server((host, port))
        try:
            return first, socket.create_server((host, first.getsockname()[1] + 1))
        except (OSError, OverflowError):
            first.close()
            if port:
                raise
    raise OSError("no two free ports in a row")
