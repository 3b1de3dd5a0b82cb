import devkit_double
import numpy as np
import pytest

from avvla.errors import UserError
from avvla.navsim.observation import observe, poses
from avvla.physical_ai.camera import Crop
from avvla.policy.interface import ConstantVelocity

CROP = Crop(10.0, 33.0, 50.0)
COMMANDS = ("Turn left", "Go straight", "Turn right", "Follow the lane")


def request(given=None, **changes):
    given = devkit_double.agent_input() if given is None else given
    now, camera = given.ego_statuses[-1], given.cameras[-1].cam_f0
    values = {
        "image": camera.image,
        "intrinsics": camera.intrinsics,
        "distortion": camera.distortion,
        "poses": np.array([status.ego_pose for status in given.ego_statuses]),
        "velocity": now.ego_velocity,
        "driving_command": now.driving_command,
    }
    return {**values, **changes}


def test_state_image_and_command_are_the_policys():
    seen = observe(request(), CROP, 32, COMMANDS)
    assert seen.image.shape == (1, 32, 32, 3)
    assert seen.speed_mps.tolist() == [10.0]
    assert seen.heading_change_rad == pytest.approx([0.15])  # it has turned left
    assert seen.command == ("Go straight",)


@pytest.mark.parametrize(("place", "text"), list(enumerate(COMMANDS)))
def test_each_driving_command_has_its_text(place, text):
    given = devkit_double.agent_input(command=place)
    assert observe(request(given), CROP, 8, COMMANDS).command == (text,)


def test_the_heading_change_is_over_the_whole_history_and_across_the_wrap():
    turned = np.zeros((4, 3))
    turned[:, 2] = [3.1, 3.14, -3.12, -3.1]
    seen = observe(request(poses=turned), CROP, 8, COMMANDS)
    assert seen.heading_change_rad == pytest.approx([2 * np.pi - 6.2])


def test_a_vehicle_that_rolls_back_has_a_negative_speed():
    seen = observe(request(velocity=np.array([-0.5, 0.1])), CROP, 8, COMMANDS)
    assert seen.speed_mps.tolist() == [-0.5]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"image": np.zeros((4, 5), np.uint8)}, "front camera's image is uint8 (4, 5), expected"),
        ({"image": np.zeros((4, 5, 3))}, "front camera's image is float64 (4, 5, 3), expected"),
        ({"poses": np.zeros((3, 3))}, "poses is float64 (3, 3), expected numbers of shape (4, 3)"),
        ({"poses": np.full((4, 3), np.nan)}, "poses holds NaN or infinity"),
        ({"velocity": np.array([np.inf, 0])}, "velocity holds NaN or infinity"),
        ({"velocity": np.array("fast")}, "velocity is <U4 (), expected numbers"),
        ({"driving_command": np.eye(3)[0]}, "driving_command is float64 (3,), expected"),
        ({"driving_command": np.zeros(4)}, "driving_command is [0.0, 0.0, 0.0, 0.0], expected a 1"),
        ({"driving_command": np.array([1, 1, 0, 0])}, "expected a 1 for one of left, straight"),
        ({"intrinsics": np.zeros((3, 3))}, "focal lengths are 0 and 0 px"),
        ({"distortion": np.zeros(4)}, "distortion is float64 (4,), expected numbers of shape (5,)"),
    ],
)
def test_what_the_policy_cannot_see_is_told(changes, told):
    with pytest.raises(UserError) as error:
        observe(request(**changes), CROP, 8, COMMANDS)
    assert told in str(error.value)


@pytest.mark.parametrize("name", sorted(request()))
def test_what_is_missing_is_told(name):
    values = request()
    del values[name]
    with pytest.raises(UserError, match="is missing, expected"):
        observe(values, CROP, 8, COMMANDS)


def test_poses_end_at_exactly_four_seconds():
    plan = ConstantVelocity().plan(observe(request(), CROP, 8, COMMANDS))
    found = poses(plan)
    assert found.shape == (40, 3)
    assert found[[0, 4, -1]].tolist() == [pytest.approx([x, 0, 0]) for x in (1.0, 5.0, 40.0)]
