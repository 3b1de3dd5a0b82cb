import numpy as np
import pytest

from avvla.hdf5 import values

POSE = np.arange(18, dtype=np.float32).reshape(3, 6) ** 2
JOINTS = -np.arange(18, dtype=np.float32).reshape(3, 6)


@pytest.mark.parametrize("choice", ["ee_pose", "qpos", "both"])
def test_a_state_has_a_component_for_every_name(choice):
    state = values.state(choice, POSE, JOINTS)
    assert state.shape == (3, len(values.state_names(choice)))
    assert state.dtype == np.float32


def test_both_is_the_pose_then_the_joints():
    both = values.state("both", POSE, JOINTS)
    np.testing.assert_array_equal(both[:, :6], POSE)
    np.testing.assert_array_equal(both[:, 6:], JOINTS)
    assert values.state_names("both") == (*values.POSE, *values.JOINTS)


def test_recorded_actions_are_as_they_are():
    np.testing.assert_array_equal(values.action("recorded", JOINTS, POSE), JOINTS)
    assert values.action_names("recorded") == values.JOINTS


def test_differences_lead_from_pose_to_pose_and_the_last_stays():
    action = values.action("ee_pose_difference", JOINTS, POSE)
    np.testing.assert_array_equal(POSE[:-1] + action[:-1], POSE[1:])
    np.testing.assert_array_equal(action[-1], np.zeros(6))
    assert action.dtype == np.float32
    assert values.action_names("ee_pose_difference")[3] == "drx"
