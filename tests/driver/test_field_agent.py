"""A trained-shape Field Agent behind the service, and what is driven without it."""

import pickle

import cv2
import driver_client as sim
import grpc
import numpy as np
import pytest
from driver_client import FRONT, STEP_US

from avvla.driver.field_agent import FieldAgent
from avvla.driver.scene import Scene
from avvla.driver.sight import Sight
from avvla.physical_ai.camera import Crop
from avvla.policy.interface import Plan

SIZE = 64
CROP = Crop(10.0, 33.0, 50.0)
SIGHT = Sight(FRONT, CROP, SIZE)
CAMERAS = {"camera_cross_left_120fov": (192, 108), FRONT: (192, 108)}


class Noted:
    """A policy that notes the batches that it plans."""

    def __init__(self) -> None:
        self.batches = []

    def plan(self, observation) -> Plan:
        count = len(observation.command)
        self.batches.append(observation)
        trajectory = np.zeros((count, 64, 4))
        trajectory[..., 0] = np.arange(1, 65) * observation.speed_mps[:, None] / 10
        trajectory[..., 1] = 1.0
        return Plan(np.zeros((count, 64, 2)), trajectory)


def picture(time_us: int, suffix: str = ".jpg") -> bytes:
    frame = np.random.default_rng(time_us).integers(40, 200, (54, 96, 3), np.uint8)
    return cv2.imencode(suffix, frame)[1].tobytes()


def submit(client, session: str, now: int, *, images: bool = True) -> None:
    motion = sim.egomotion(session, [(now, 8e-6 * now, 0.0, 0.0, 8.0)], old=now % 200_000 == 0)
    calls = [client.future("submit_egomotion_observation", motion)]
    if images:
        suffix = ".png" if now % 300_000 == 0 else ".jpg"
        calls += [
            client.future(
                "submit_image_observation", sim.image(session, now, picture(now, suffix), camera)
            )
            for camera in (*CAMERAS, "camera_that_nobody_knows")
        ]
    left = np.stack([np.linspace(0, 80, 20), np.linspace(0, 60, 20)], -1)
    calls.append(client.future("submit_route", sim.route(session, now, left)))
    for call in calls:
        call.result()


def reason(response) -> str:
    told = pickle.loads(response.debug_info.unstructured_debug_info)  # our own bytes
    return told["reasoning_text"]


def test_the_tiny_agent_completes_sessions(server, agent):
    with server(FieldAgent(agent), sight=SIGHT) as port:
        client = sim.Client(port)
        for name in ("a", "b"):
            client.call("start_session", sim.start(name, CAMERAS))
        for number in range(25):
            now = number * STEP_US
            for name in ("a", "b"):
                submit(client, name, now)
            drives = [client.future("drive", sim.drive(name, now)) for name in ("a", "b")]
            paths = []
            for call in drives:
                response = call.result()
                times, path = sim.poses(response)
                assert times == [now + i * STEP_US for i in range(65)]
                assert np.isfinite(path).all()
                paths.append(path)
                told = reason(response)
                assert told == (
                    "Turn left: constant velocity: less than 1.5 s of egomotion"
                    if number < 15
                    else "Turn left: planned"
                )
            np.testing.assert_allclose(*paths, atol=1e-3)
        for name in ("a", "b"):
            client.call("close_session", sim.close(name))
        client.close()


def test_what_the_policy_is_shown_and_says(server):
    policy = Noted()
    with server(FieldAgent(policy), sight=SIGHT) as port:
        client = sim.Client(port)
        client.call("start_session", sim.start("a", CAMERAS))
        for number in range(17):
            submit(client, "a", number * STEP_US)
        # A frame of later, come early, is not seen yet.
        later = sim.image("a", 1_700_000, picture(1))
        client.call("submit_image_observation", later)
        _, path = sim.poses(client.call("drive", sim.drive("a", 1_600_000)))
        client.close()
    (seen,) = policy.batches
    assert seen.speed_mps.tolist() == [8.0]
    assert seen.command == ("Turn left",)
    expected = picture(1_600_000)
    from avvla.driver.frame import decoded
    from avvla.driver.lens import lens
    from avvla.driver.lens import picture as crop

    spec = sim.start("a", CAMERAS).rollout_spec.vehicle.available_cameras[1].intrinsics
    np.testing.assert_array_equal(seen.image[0], crop(lens(spec), decoded(expected), CROP, SIZE))
    np.testing.assert_allclose(path[0], [12.8, 0.0, 0.0], atol=1e-4)
    np.testing.assert_allclose(path[10], [12.8 + 8.0, 1.0, 0.0], atol=1e-4)


def test_without_pictures_it_brakes(server):
    with server(FieldAgent(Noted()), sight=SIGHT) as port:
        client = sim.Client(port)
        client.call("start_session", sim.start("a", CAMERAS))
        for number in range(16):
            submit(client, "a", number * STEP_US, images=False)
        response = client.call("drive", sim.drive("a", 1_500_000))
        assert "braking: no picture" in reason(response)
        submit(client, "a", 1_600_000)
        assert "planned" in reason(client.call("drive", sim.drive("a", 1_600_000)))
        for now in range(1_700_000, 2_300_000, STEP_US):
            submit(client, "a", now, images=False)
        response = client.call("drive", sim.drive("a", 2_200_000))
        assert "braking: the newest picture is old" in reason(response)
        _, path = sim.poses(response)
        assert path[-1, 0] - path[-2, 0] == pytest.approx(0.0, abs=1e-6)
        client.close()


def test_a_missing_camera_and_a_bad_picture_are_named(server):
    with server(FieldAgent(Noted()), sight=SIGHT) as port:
        client = sim.Client(port)
        with pytest.raises(grpc.RpcError) as error:
            client.call("start_session", sim.start("a", {"camera_rear": (64, 36)}))
        assert error.value.code() == grpc.StatusCode.INVALID_ARGUMENT
        assert f"no camera '{FRONT}'" in error.value.details()
        assert "'camera_rear'" in error.value.details()
        client.call("start_session", sim.start("a", CAMERAS))  # it was not begun
        data = picture(0)
        for bad in (b"", b"GIF89a", data[: len(data) // 2]):
            with pytest.raises(grpc.RpcError) as error:
                client.call("submit_image_observation", sim.image("a", 0, bad))
            assert error.value.code() == grpc.StatusCode.INVALID_ARGUMENT
        # Pictures of cameras that nobody looks at are not even read.
        client.call("submit_image_observation", sim.image("a", 0, b"", "camera_rear"))
        client.close()


def test_scenes_are_planned_in_one_batch():
    policy = Noted()
    image = np.full((SIZE, SIZE, 3), 9, np.uint8)
    scenes = [
        Scene(1.0, 0.1, picture=image, command="Turn left"),
        Scene(2.0, None, picture=image),
        Scene(3.0, 0.1, fault="camera black"),
        Scene(4.0, 0.2, picture=image, command="Follow the lane"),
    ]
    ways = FieldAgent(policy).plan(scenes)
    (batch,) = policy.batches
    assert batch.speed_mps.tolist() == [1.0, 4.0]
    assert [way.path[0, 1] for way in ways] == [1.0, 0.0, 0.0, 1.0]
    assert [way.reason for way in ways] == [
        "planned",
        "constant velocity: less than 1.5 s of egomotion",
        "braking: camera black",
        "planned",
    ]
