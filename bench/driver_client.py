"""A simulator's side of the driver's protocol: messages of one session, in either wire form."""

from __future__ import annotations

import math
from typing import Any

import grpc
import numpy as np

from avvla.driver import wire

FRONT = "camera_front_wide_120fov"
STEP_US = 100_000
PATH = f"/{wire.DRIVER}/"


def messages() -> dict[str, Any]:
    """The classes of request and response by the name of the call."""
    return {
        method.name: tuple(
            wire.message(kind.full_name) for kind in (method.input_type, method.output_type)
        )
        for method in wire.methods(wire.DRIVER)
    }


class Client:
    """Calls on one channel, synchronous or as futures.

    Args:
        port: of the driver.
        host: its address.
    """

    def __init__(self, port: int, host: str = "127.0.0.1") -> None:
        options = [("grpc.max_send_message_length", 64 << 20)]
        self.channel = grpc.insecure_channel(f"{host}:{port}", options)
        self._calls = {
            name: self.channel.unary_unary(PATH + name, response_deserializer=answer.FromString)
            for name, (_, answer) in messages().items()
        }

    def call(self, name: str, request: Any = b"", timeout: float = 60.0) -> Any:
        """The response; `request` is a message or bytes."""
        return self.future(name, request, timeout).result()

    def future(self, name: str, request: Any = b"", timeout: float = 60.0) -> Any:
        """The call in progress."""
        data = request if isinstance(request, bytes) else request.SerializeToString()
        return self._calls[name].future(data, timeout=timeout, wait_for_ready=True)

    def close(self) -> None:
        """End the channel."""
        self.channel.close()


def quaternion(yaw: float) -> dict[str, float]:
    return {"w": math.cos(yaw / 2), "z": math.sin(yaw / 2)}


def f_theta(width: int, height: int, hfov_deg: float = 120.0) -> dict[str, Any]:
    """Intrinsics of an equidistant camera."""
    focal = width / math.radians(hfov_deg)
    return {
        "principal_point_x": (width - 1) / 2,
        "principal_point_y": (height - 1) / 2,
        "reference_poly": 2,
        "pixeldist_to_angle_poly": [0.0, 1 / focal],
        "angle_to_pixeldist_poly": [0.0, focal],
        "max_angle": math.radians(hfov_deg / 2),
    }


def start(session: str, cameras: dict[str, tuple[int, int]], **intrinsics: Any) -> Any:
    """A DriveSessionRequest; `cameras` has the native size of each."""
    request = wire.message("egodriver.DriveSessionRequest")(session_uuid=session, random_seed=1)
    request.debug_info.scene_id = "clipgt-test"
    for name, (width, height) in cameras.items():
        camera = request.rollout_spec.vehicle.available_cameras.add(logical_id=name)
        kind = intrinsics or {"ftheta_param": f_theta(width, height)}
        spec = type(camera.intrinsics)(
            logical_id=name, resolution_w=width, resolution_h=height, **kind
        )
        camera.intrinsics.CopyFrom(spec)
    return request


def image(session: str, time_us: int, data: bytes, camera: str = FRONT) -> Any:
    content = {
        "frame_start_us": max(time_us - 30_000, 0),
        "frame_end_us": time_us,
        "image_bytes": data,
        "logical_id": camera,
    }
    return wire.message("egodriver.RolloutCameraImage")(session_uuid=session, camera_image=content)


def egomotion(
    session: str, rows: list[tuple[int, float, float, float, float]], *, old: bool
) -> Any:
    """Of rows time [us], x, y, yaw, speed; speeds in field 4 (`old`) or 5."""
    request = wire.message("egodriver.RolloutEgoTrajectory")(session_uuid=session)
    for time_us, x, y, yaw, speed in rows:
        pose = request.trajectory.poses.add(timestamp_us=time_us).pose
        pose.vec.x, pose.vec.y = x, y
        pose.quat.w, pose.quat.z = quaternion(yaw).values()
        state = request.dynamic_state if old else request.dynamic_states.add()
        state.linear_velocity.x = speed
    return request


def route(session: str, time_us: int, points: Any) -> Any:
    """Of waypoints (N, 2) in the rig."""
    waypoints = [{"x": x, "y": y, "z": 0.0} for x, y in np.asarray(points).tolist()]
    content = {"waypoints": waypoints, "timestamp_us": time_us}
    return wire.message("egodriver.RouteRequest")(session_uuid=session, route=content)


def truth(session: str, time_us: int, rows: list[tuple[int, float, float, float]]) -> Any:
    """A recording of rows time [us], x, y, yaw in the rig at a time."""
    poses = [
        {"timestamp_us": t, "pose": {"vec": {"x": x, "y": y}, "quat": quaternion(yaw)}}
        for t, x, y, yaw in rows
    ]
    content = {"timestamp_us": time_us, "trajectory": {"poses": poses}}
    return wire.message("egodriver.GroundTruthRequest")(session_uuid=session, ground_truth=content)


def drive(session: str, now_us: int) -> Any:
    kind = wire.message("egodriver.DriveRequest")
    return kind(session_uuid=session, time_now_us=now_us, time_query_us=now_us + STEP_US)


def close(session: str) -> Any:
    return wire.message("egodriver.DriveSessionCloseRequest")(session_uuid=session)


def poses(response: Any) -> tuple[list[int], Any]:
    """Times [us] and (N, 3) x, y, yaw of a DriveResponse."""
    entries = response.trajectory.poses
    rows = [
        (p.pose.vec.x, p.pose.vec.y, 2 * math.atan2(p.pose.quat.z, p.pose.quat.w)) for p in entries
    ]
    return [p.timestamp_us for p in entries], np.array(rows).reshape(-1, 3)
