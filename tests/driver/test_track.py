import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from avvla.driver import pose as poses
from avvla.driver.track import KEPT_US, Track

number = st.floats(-50, 50)
unit = st.tuples(number, number, number, number).filter(lambda q: math.hypot(*q) > 0.1)
any_pose = st.tuples(st.tuples(number, number, number), unit).map(
    lambda parts: np.array([*parts[0], *(np.array(parts[1]) / math.hypot(*parts[1]))])
)


def matrix(pose: np.ndarray) -> np.ndarray:
    made = np.eye(4)
    made[:3, :3] = Rotation.from_quat(pose[3:], scalar_first=True).as_matrix()
    made[:3, 3] = pose[:3]
    return made


@given(any_pose, any_pose)
def test_poses_are_composed_as_matrices_are(one, other):
    np.testing.assert_allclose(
        matrix(poses.composed(one, other)), matrix(one) @ matrix(other), atol=1e-9
    )
    both = poses.composed(one, poses.composed(poses.inverse(one), other))
    np.testing.assert_allclose(matrix(both), matrix(other), atol=1e-9)


@given(number, number, st.floats(-3, 3))
def test_flat_paths_come_back(x, y, yaw):
    path = np.array([[x, y, yaw]])
    np.testing.assert_allclose(poses.flat(poses.raised(path)), path, atol=1e-9)


def planar(x: float, yaw: float = 0.0) -> np.ndarray:
    return poses.raised(np.array([x, 0.0, yaw]))


@given(st.permutations(range(6)))
def test_the_order_does_not_matter(order):
    track = Track()
    for i in order:
        track.put(i * 100, planar(i), float(i))
    assert track.newest_us == 500
    assert track.at(250)[0] == pytest.approx(2.5)
    assert track.at(300)[0] == 3
    assert track.at(-1) is None
    assert track.at(501) is None
    assert track.speed(250) == 2.0


def test_old_poses_go():
    track = Track()
    for i in range(300):
        track.put(i * 100_000, planar(i), 1.0)
    oldest = 299 * 100_000 - KEPT_US
    assert track.at(oldest) is not None
    assert track.at(oldest - 100_000) is None


def test_the_heading_changes_over_a_second_and_a_half():
    track = Track()
    for i in range(20):
        track.put(i * 100_000, planar(i, 3.0 + 0.02 * i), math.nan)
        turn = track.heading_change(i * 100_000)
        if i < 15:
            assert turn is None
        else:
            assert turn == pytest.approx(0.3)
    assert track.speed(1_900_000) == pytest.approx(10.0)


def test_one_pose_without_a_speed_stands():
    track = Track()
    track.put(5, planar(1.0), math.nan)
    assert track.speed(5) == 0.0
    assert track.heading_change(5) is None
    assert Track().newest_us is None
