"""Whatever comes, each call is answered with a result or a status, and other sessions go on.

Each example is a burst of several calls on one server; together they are 10,000 inputs.
"""

import cv2
import driver_client as sim
import numpy as np
import pytest
from driver_client import FRONT
from hypothesis import HealthCheck, settings
from hypothesis import given as examples
from hypothesis import strategies as st

from avvla.driver.field_agent import FieldAgent
from avvla.driver.sight import Sight
from avvla.physical_ai.camera import Crop
from avvla.policy.interface import ConstantVelocity

CALLS = tuple(sim.messages())
NAMES = ("a", "b", "other", "")
CAMERAS = {FRONT: (64, 36)}
JPEG = cv2.imencode(".jpg", np.full((36, 64, 3), 90, np.uint8))[1].tobytes()
PNG = cv2.imencode(".png", np.full((36, 64, 3), 90, np.uint8))[1].tobytes()
BURST = 50
SAFE = {"OK", "INVALID_ARGUMENT", "NOT_FOUND", "ALREADY_EXISTS", "FAILED_PRECONDITION"}
FAST = settings(max_examples=200, suppress_health_check=list(HealthCheck), derandomize=True)

name = st.sampled_from(NAMES)
time_us = st.one_of(
    st.sampled_from([0, 100_000, 2_000_000, 2**63, 2**64 - 1]), st.integers(0, 2**64 - 1)
)
number = st.one_of(st.floats(width=32), st.floats(-100, 100, width=32))
small = st.integers(0, 3_000_000)
row = st.tuples(st.one_of(time_us, small), number, number, st.floats(-4, 4), number)
data = st.one_of(
    st.binary(max_size=40),
    st.builds(lambda d, end: d[:end], st.sampled_from([JPEG, PNG]), st.integers(0, 700)),
    st.builds(
        lambda d, place, value: d[:place] + bytes([value]) + d[place + 1 :],
        st.sampled_from([JPEG, PNG]),
        st.integers(0, 600),
        st.integers(0, 255),
    ),
)
points = st.lists(st.tuples(number, number), max_size=20).map(
    lambda rows: np.array(rows).reshape(-1, 2)
)
call = st.one_of(
    st.tuples(st.sampled_from(CALLS), st.binary(max_size=60)),
    st.tuples(st.just("start_session"), st.builds(sim.start, name, st.just(CAMERAS))),
    st.tuples(st.just("start_session"), st.builds(sim.start, name, st.just({}))),
    st.tuples(st.just("close_session"), st.builds(sim.close, name)),
    st.tuples(
        st.just("submit_egomotion_observation"),
        st.builds(sim.egomotion, name, st.lists(row, max_size=4), old=st.booleans()),
    ),
    st.tuples(
        st.just("submit_image_observation"),
        st.builds(sim.image, name, time_us, data, st.sampled_from([FRONT, "rear"])),
    ),
    st.tuples(st.just("submit_route"), st.builds(sim.route, name, small, points)),
    st.tuples(
        st.just("submit_recording_ground_truth"),
        st.builds(
            sim.truth,
            name,
            small,
            st.lists(st.tuples(small, number, number, st.floats(-4, 4)), max_size=4),
        ),
    ),
    st.tuples(st.just("drive"), st.builds(sim.drive, name, small)),
    # Messages that are nearly whole: cut, or with a byte changed.
    st.tuples(
        st.just("submit_egomotion_observation"),
        st.builds(
            lambda end, place, value: _damaged(MOTION, end, place, value),
            st.integers(0, 80),
            st.integers(0, 80),
            st.integers(0, 255),
        ),
    ),
)
MOTION = sim.egomotion("a", [(5, 1.0, 2.0, 0.1, 3.0)], old=True).SerializeToString()


def _damaged(whole: bytes, end: int, place: int, value: int) -> bytes:
    return (whole[:place] + bytes([value]) + whole[place + 1 :])[:end]


class Policy:
    def plan(self, observation):
        return ConstantVelocity().plan(observation)


@pytest.fixture(scope="module")
def port(server):
    sight = Sight(FRONT, Crop(10.0, 33.0, 50.0), 16)
    with server(FieldAgent(Policy()), sight=sight) as port:
        yield port


def test_the_server_stays_up_and_other_sessions_go_on(port):
    client = sim.Client(port)
    client.call("start_session", sim.start("whole", CAMERAS))
    seen: dict[str, int] = {}
    driven = [0]

    @FAST
    @examples(st.lists(call, min_size=BURST, max_size=BURST))
    def burst(calls):
        # All at once: a session may be closed while it drives.
        futures = [client.future(name, request) for name, request in calls]
        now = driven[0] * 100_000
        motion = sim.egomotion("whole", [(now, 8e-6 * now, 0.0, 0.0, 8.0)], old=True)
        client.call("submit_egomotion_observation", motion)
        frame = np.random.default_rng(now).integers(40, 200, (36, 64, 3), np.uint8)
        image = sim.image("whole", now, cv2.imencode(".png", frame)[1].tobytes())
        client.call("submit_image_observation", image)
        times, path = sim.poses(client.call("drive", sim.drive("whole", now)))
        assert times[0] == now
        np.testing.assert_allclose(path[10, 0], 8e-6 * now + 8.0, rtol=1e-5)
        driven[0] += 1
        for (name, request), future in zip(calls, futures, strict=True):
            code = future.code().name  # waits for the answer
            assert code in SAFE, (name, request, future.details())
            assert (code == "OK") is not bool(future.details())
            assert "\n" not in future.details()
            seen[code] = seen.get(code, 0) + 1

    burst()
    assert set(seen) == SAFE
    assert client.call("get_version").version_id
    client.close()
