"""What the double can spawn, and what its sensors send."""

import struct
from dataclasses import dataclass

import msgpack
import numpy as np

BOOL, INT, FLOAT, STRING, COLOUR = 1, 2, 3, 4, 5
TYPE = {bool: BOOL, int: INT, float: FLOAT, str: STRING}

IMAGE = {"image_size_x": 800, "image_size_y": 600, "fov": 90.0, "sensor_tick": 0.0}
LIDAR = {"channels": 32, "range": 10.0, "points_per_second": 56000, "sensor_tick": 0.0}
VEHICLE = {"role_name": "autopilot", "number_of_wheels": 4, "base_type": "car", "generation": 1}
KINDS = {
    "vehicle.lincoln.mkz_2017": VEHICLE,
    "vehicle.tesla.model3": VEHICLE,
    "vehicle.diamondback.century": {**VEHICLE, "number_of_wheels": 2, "base_type": "bicycle"},
    "walker.pedestrian.0001": {"role_name": "pedestrian", "is_invincible": True, "speed": 1.4},
    "controller.ai.walker": {"role_name": "controller"},
    "sensor.camera.rgb": IMAGE,
    "sensor.camera.depth": IMAGE,
    "sensor.camera.semantic_segmentation": IMAGE,
    "sensor.camera.instance_segmentation": IMAGE,
    "sensor.camera.dvs": IMAGE,
    "sensor.camera.optical_flow": IMAGE,
    "sensor.lidar.ray_cast": LIDAR,
    "sensor.lidar.ray_cast_semantic": LIDAR,
    "sensor.other.radar": {"range": 100.0, "sensor_tick": 0.0},
    "sensor.other.gnss": {"noise_seed": 0, "sensor_tick": 0.0},
    "sensor.other.imu": {"noise_seed": 0, "sensor_tick": 0.0},
    "sensor.other.collision": {"role_name": "collision"},
    "sensor.other.lane_invasion": {"role_name": "lane"},
    "sensor.other.obstacle": {"distance": 5.0, "sensor_tick": 0.0},
}
INDEX = {
    "sensor.other.collision": 0,
    "sensor.camera.depth": 1,
    "sensor.camera.dvs": 3,
    "sensor.other.gnss": 4,
    "sensor.other.imu": 5,
    "sensor.other.obstacle": 7,
    "sensor.camera.optical_flow": 8,
    "sensor.other.radar": 9,
    "sensor.lidar.ray_cast_semantic": 10,
    "sensor.lidar.ray_cast": 11,
    "sensor.camera.rgb": 14,
    "sensor.camera.semantic_segmentation": 15,
    "sensor.camera.instance_segmentation": 16,
}
"""Number of the serializer in the client's registry, found by trial."""
WORLD_INDEX = 17
EVENTS = ("sensor.other.collision", "sensor.other.lane_invasion", "sensor.other.obstacle")


def definitions():
    """[uid, id, tags, [[attribute, type, value, recommended, modifiable, restricted]..]] each."""
    rows = []
    for uid, (name, attributes) in enumerate(KINDS.items()):
        found = []
        for key, value in attributes.items():
            text = str(value).lower() if isinstance(value, bool) else str(value)
            found.append([key, TYPE[type(value)], text, [], True, False])
        rows.append([uid, name, name.replace(".", ","), found])
    return rows


@dataclass
class Scene:
    """What a sensor sees: the frame, and pose, speed [m/s] and neighbours of its parent."""

    frame: int
    x: float
    y: float
    yaw_deg: float
    speed: float


def payload(kind, attributes, scene):
    """The bytes of a regular sensor's message, after the header of 48 bytes."""
    if kind.startswith("sensor.camera"):
        width, height = int(attributes["image_size_x"]), int(attributes["image_size_y"])
        head = struct.pack("<IIf", width, height, float(attributes["fov"]))
        return head + _picture(kind, width, height, scene)
    if kind == "sensor.lidar.ray_cast":
        points = np.array([[10.0, -2.0, 0.5, 0.9], [20.0, 3.0, 0.0, 0.4]], "<f4")
        return struct.pack("<fIII", 0.5, 2, 1, 1) + points.tobytes()
    if kind == "sensor.lidar.ray_cast_semantic":
        point = struct.pack("<4f2I", 10.0, -2.0, 0.5, 0.8, 7, 14)
        return struct.pack("<fII", 0.5, 1, 1) + point
    if kind == "sensor.other.radar":
        return np.array([[-3.0, 0.1, 0.02, 25.0]], "<f4").tobytes()
    if kind == "sensor.other.gnss":
        return msgpack.packb([48.1, 11.5, 520.0])
    return msgpack.packb([[0.1, 0.2, 9.81], [0.0, 0.0, 0.3], 1.5], use_single_float=True)


def _picture(kind, width, height, scene):
    if kind == "sensor.camera.dvs":
        return struct.pack("<HHq?", 3, 4, 1000, True) + struct.pack("<HHq?", 5, 6, 2000, False)
    if kind == "sensor.camera.optical_flow":
        return np.full((height, width, 2), 0.25, "<f4").tobytes()
    pixels = np.empty((height, width, 4), np.uint8)
    pixels[..., 3] = 255
    if kind == "sensor.camera.depth":
        # 1000 m are 2^24 - 1, the lowest byte in red.
        value = round(25.0 / 1000.0 * (2**24 - 1))
        pixels[..., 2], pixels[..., 1], pixels[..., 0] = value & 255, value >> 8 & 255, value >> 16
    elif kind == "sensor.camera.rgb":
        pixels[..., 2] = np.linspace(40, 200, width).astype(np.uint8)
        pixels[..., 1] = np.linspace(200, 60, height).astype(np.uint8)[:, None]
        pixels[..., 0] = scene.frame % 251
    else:
        pixels[..., 2], pixels[..., 1], pixels[..., 0] = 7, 1, 2
    return pixels.tobytes()
