"""A client of our own drives sessions in both wire forms."""

import math
import pickle
from concurrent.futures import ThreadPoolExecutor

import cv2
import driver_client as sim
import grpc
import numpy as np
import pytest
from driver_client import FRONT, STEP_US

from avvla.driver import canaries, wire
from avvla.driver.session import Session

CAMERAS = {FRONT: (64, 36), "camera_cross_left_120fov": (64, 36)}
JPEG = cv2.imencode(".jpg", np.full((36, 64, 3), 90, np.uint8))[1].tobytes()


def at(time_us: int, speed: float = 8.0, yaw: float = 0.3) -> tuple:
    way = speed * time_us / 1e6
    return (time_us, way * math.cos(yaw), way * math.sin(yaw), yaw, speed)


def step(client: sim.Client, session: str, time_us: int, *, old: bool) -> None:
    """What a simulator submits at once before it asks."""
    route = np.stack([np.linspace(0, 80, 20), np.zeros(20)], -1)
    route[15:] = np.nan
    calls = [
        client.future("submit_image_observation", sim.image(session, time_us, JPEG, camera))
        for camera in CAMERAS
    ]
    motion = sim.egomotion(session, [at(time_us)], old=old)
    calls.append(client.future("submit_egomotion_observation", motion))
    calls.append(client.future("submit_route", sim.route(session, time_us, route)))
    for call in calls:
        call.result()


@pytest.mark.parametrize("old", [True, False])
def test_a_rollout(client: sim.Client, old: bool):
    version = client.call("get_version")
    assert version.version_id
    assert version.grpc_api_version.minor == 54
    client.call("start_session", sim.start("a", CAMERAS))
    if old:  # 0.1.3 sends one before the first step
        motion = sim.egomotion("a", [at(0)], old=True)
        client.call("submit_egomotion_observation", motion)
    for number in range(10):
        now = number * STEP_US
        step(client, "a", now, old=old)
        response = client.call("drive", sim.drive("a", now))
        times, path = sim.poses(response)
        assert times == [now + i * STEP_US for i in range(len(times))]
        assert len(times) >= 51
        np.testing.assert_allclose(path[0], at(now)[1:4], atol=1e-4)
        # Speed came through, in whichever field.
        ahead = [at(time)[1:4] for time in times]
        np.testing.assert_allclose(path, ahead, atol=1e-3)
    assert not response.terminate_session
    client.call("close_session", sim.close("a"))
    assert refused(client, "drive", sim.drive("a", 0)).code() == grpc.StatusCode.NOT_FOUND


def test_the_evaluator_reads_plain_values(client: sim.Client):
    client.call("start_session", sim.start("a", {}))
    step(client, "a", 0, old=False)
    left = np.stack([np.linspace(0, 20, 20), np.linspace(0, 20, 20)], -1)
    client.call("submit_route", sim.route("a", 0, left))
    data = client.call("drive", sim.drive("a", 0)).debug_info.unstructured_debug_info
    assert pickle.loads(data) == {  # our own bytes
        "command": 0,
        "command_name": "Turn left",
        "reasoning_text": "Turn left: constant velocity",
    }


def test_poses_come_in_any_order_and_several_at_once(client: sim.Client):
    client.call("start_session", sim.start("a", {}))
    for times in ([200_000, 100_000, 150_000], [0, 50_000], [200_000]):
        motion = sim.egomotion("a", [at(time) for time in times], old=False)
        client.call("submit_egomotion_observation", motion)
    times, path = sim.poses(client.call("drive", sim.drive("a", 175_000)))
    assert times[0] == 175_000
    np.testing.assert_allclose(path[0], at(175_000)[1:4], atol=1e-4)
    # A plan begins in the known past, never in what is not known.
    times, _ = sim.poses(client.call("drive", sim.drive("a", 260_000)))
    assert times[0] == 200_000
    assert times[-1] > 260_000 + 5_000_000


def test_a_route_is_moved_with_the_rig():
    session = Session(None)
    poses = np.array([[1.0, 2.0, 0.0, 1.0, 0.0, 0.0, 0.0], [3.0, 2.0, 0.0, 1.0, 0.0, 0.0, 1.0]])
    poses[:, 3:] /= np.linalg.norm(poses[:, 3:], axis=1, keepdims=True)
    session.move([0, STEP_US], poses, [8.0, 8.0])
    points = np.array([[5.0, 0.0, 0.0], [9.0, 1.0, 0.0], [np.nan] * 3])
    session.route(0, points)
    np.testing.assert_array_equal(session.present(0).scene.route, points[:, :2])
    # Two metres on and turned left by a quarter: what was ahead is to the right.
    expected = [[0.0, -3.0], [1.0, -7.0], [np.nan] * 2]
    np.testing.assert_allclose(session.present(STEP_US).scene.route, expected, atol=1e-12)


def test_observations_may_come_long_before_the_first_drive(client: sim.Client):
    client.call("start_session", sim.start("a", CAMERAS))
    for number in range(18):
        step(client, "a", number * STEP_US, old=False)
    times, _ = sim.poses(client.call("drive", sim.drive("a", 1_700_000)))
    assert times[0] == 1_700_000


def test_without_speeds_they_are_taken_from_the_poses(client: sim.Client):
    client.call("start_session", sim.start("a", {}))
    for time in (0, STEP_US):
        motion = sim.egomotion("a", [at(time)], old=False)
        motion.ClearField("dynamic_states")
        client.call("submit_egomotion_observation", motion)
    _, path = sim.poses(client.call("drive", sim.drive("a", STEP_US)))
    np.testing.assert_allclose(path[10], at(11 * STEP_US)[1:4], atol=1e-2)


def test_a_recording_is_replayed(server):
    begin = 500_000
    rows = [(begin + i * STEP_US, 0.6 * i, 0.01 * i * i, 0.02 * i) for i in range(30)]
    with server(canaries.Replay()) as port:
        client = sim.Client(port)
        client.call("start_session", sim.start("a", {}))
        # It comes before it is known where the rig was.
        client.call("submit_recording_ground_truth", sim.truth("a", begin, rows))
        yaw = 1.0
        motion = sim.egomotion("a", [(begin, 5.0, 7.0, yaw, 6.0)], old=True)
        client.call("submit_egomotion_observation", motion)
        times, path = sim.poses(client.call("drive", sim.drive("a", begin)))
        client.close()
    local = [
        (5 + x * math.cos(yaw) - y * math.sin(yaw), 7 + x * math.sin(yaw) + y * math.cos(yaw))
        for _, x, y, _ in rows
    ]
    np.testing.assert_allclose(path[:30, :2], local, atol=1e-4)
    np.testing.assert_allclose(path[:30, 2], [yaw + row[3] for row in rows], atol=1e-4)
    # Beyond its end it goes on as it did.
    np.testing.assert_allclose(path[40, :2] - path[39, :2], path[29, :2] - path[28, :2], atol=1e-4)
    assert len(times) == 65


def refused(client: sim.Client, name: str, request) -> grpc.RpcError:
    with pytest.raises(grpc.RpcError) as error:
        client.call(name, request)
    assert "\n" not in error.value.details()
    return error.value


@pytest.mark.parametrize(
    ("call", "make", "code", "told"),
    [
        ("drive", lambda: sim.drive("b", 0), "NOT_FOUND", "no session 'b'"),
        ("drive", lambda: sim.drive("a", 0), "FAILED_PRECONDITION", "no egomotion at or before"),
        ("close_session", lambda: sim.close(""), "NOT_FOUND", "no session ''"),
        ("start_session", lambda: sim.start("", {}), "INVALID_ARGUMENT", "is empty"),
        ("start_session", lambda: sim.start("a", {}), "ALREADY_EXISTS", "already running"),
        ("drive", lambda: b"\xff", "INVALID_ARGUMENT", r"1 bytes are no egodriver\.DriveRequest"),
        ("drive", lambda: sim.drive("a", 2**64 - 200_001), "INVALID_ARGUMENT", "less than 2"),
        (
            "submit_egomotion_observation",
            lambda: sim.egomotion("a", [(0, math.nan, 0.0, 0.0, 1.0)], old=True),
            "INVALID_ARGUMENT",
            "not finite",
        ),
        (
            "submit_egomotion_observation",
            lambda: sim.egomotion("a", [(0, 0.0, 0.0, 0.0, math.inf)], old=False),
            "INVALID_ARGUMENT",
            "speed of inf",
        ),
        ("submit_egomotion_observation", lambda: motionless(), "INVALID_ARGUMENT", "no rotation"),
        ("submit_egomotion_observation", lambda: unequal(), "INVALID_ARGUMENT", "2 entries for 1"),
        (
            "submit_recording_ground_truth",
            lambda: sim.truth("a", 0, [(0, 0.0, 0.0, 0.0)]),
            "INVALID_ARGUMENT",
            "1 times, expected 2",
        ),
        (
            "submit_route",
            lambda: sim.route("a", 0, np.zeros((10_001, 2))),
            "INVALID_ARGUMENT",
            "at most 10000",
        ),
    ],
)
def test_what_is_wrong_is_refused_in_one_sentence(client: sim.Client, call, make, code, told):
    client.call("start_session", sim.start("a", {}))
    error = refused(client, call, make())
    assert error.code().name == code
    assert __import__("re").search(told, error.details())
    # The session goes on.
    client.call("submit_egomotion_observation", sim.egomotion("a", [at(0)], old=True))
    assert len(client.call("drive", sim.drive("a", 0)).trajectory.poses) == 65


def motionless():
    request = sim.egomotion("a", [at(0)], old=True)
    request.trajectory.poses[0].pose.ClearField("quat")
    return request


def unequal():
    request = sim.egomotion("a", [at(0)], old=False)
    request.dynamic_states.add()
    return request


def test_sessions_do_not_disturb_each_other(client: sim.Client):
    def run(number: int) -> np.ndarray:
        name, speed = f"session {number}", 1.0 + number
        client.call("start_session", sim.start(name, CAMERAS))
        for time in range(0, 10 * STEP_US, STEP_US):
            motion = sim.egomotion(name, [at(time, speed)], old=number % 2 == 0)
            client.call("submit_egomotion_observation", motion)
            response = client.call("drive", sim.drive(name, time))
        client.call("close_session", sim.close(name))
        return sim.poses(response)[1]

    with ThreadPoolExecutor(16) as pool:
        for number, path in enumerate(pool.map(run, range(16))):
            ahead = at(9 * STEP_US + 20 * STEP_US, 1.0 + number)[1:4]
            np.testing.assert_allclose(path[20], ahead, atol=1e-3)


def test_shut_down_is_acknowledged(client: sim.Client, server):
    client.call("shut_down")
    client.call("get_version")
    with server(canaries.ConstantVelocity(), exit_on_shut_down=True) as port:
        other = sim.Client(port)
        other.call("shut_down")
        other.close()  # the fixture checks that the server has ended


def test_health_and_reflection(client: sim.Client):
    def call(service: str, name: str, request, response):
        path = f"/{service}/{name}"
        return client.channel.unary_unary(path, response_deserializer=response.FromString)(
            request.SerializeToString(), timeout=30
        )

    check = wire.message("grpc.health.v1.HealthCheckRequest")
    answer = wire.message("grpc.health.v1.HealthCheckResponse")
    for name in ("", wire.DRIVER):
        assert call("grpc.health.v1.Health", "Check", check(service=name), answer).status == 1
    with pytest.raises(grpc.RpcError, match="no service 'x'"):
        call("grpc.health.v1.Health", "Check", check(service="x"), answer)
    watch = client.channel.unary_stream("/grpc.health.v1.Health/Watch")(b"", timeout=30)
    assert answer.FromString(next(watch)).status == 1
    watch.cancel()
    kind = "grpc.reflection.v1alpha.ServerReflectionRe"
    request, response = wire.message(f"{kind}quest"), wire.message(f"{kind}sponse")
    ask = client.channel.stream_stream(
        "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
        request_serializer=request.SerializeToString,
        response_deserializer=response.FromString,
    )
    questions = [
        request(list_services=""),
        request(file_containing_symbol=wire.DRIVER),
        request(file_by_filename="nowhere.proto"),
        request(all_extension_numbers_of_type="a"),
    ]
    listed, file, missing, unknown = ask(iter(questions), timeout=30)
    names = [service.name for service in listed.list_services_response.service]
    assert wire.DRIVER in names
    assert len(file.file_descriptor_response.file_descriptor_proto) == 3
    assert missing.error_response.error_code == 5
    assert unknown.error_response.error_code == 12
