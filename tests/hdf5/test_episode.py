import h5py
import numpy as np
import pytest
from hdf5_factory import CAMERAS, episode, picture, put, put_jpeg, truncate

from avvla.config import Hdf5
from avvla.errors import UserError
from avvla.hdf5.episode import Episode, Fault
from avvla.hdf5.image import ImageError

IMAGES = "observations/images"


@pytest.fixture(params=["jpeg", "raw"])
def layout(request):
    return request.param


def opened(path):
    return Episode.open(path, path.name)


def test_both_layouts_give_the_pictures_in_rgb(tmp_path, layout):
    with opened(episode(tmp_path / "a.h5", layout=layout)) as found:
        assert found.layouts == dict.fromkeys(CAMERAS, layout)
        for number, camera in enumerate(CAMERAS):
            image = found.image(camera, 5).astype(int)
            apart = np.abs(image - picture(number, 5)).mean()
            assert apart < (12 if layout == "jpeg" else 1e-9), camera


def test_numbers_are_read_as_they_are(tmp_path):
    path = episode(tmp_path / "a.h5", frames=5)
    with h5py.File(path) as file, opened(path) as found:
        assert found.frames == 5
        np.testing.assert_array_equal(found.action("recorded"), file["action"][:])
        np.testing.assert_array_equal(found.state("qpos"), file["observations/qpos"][:])
        pose = file["observations/ee_pose"][:]
        np.testing.assert_array_equal(found.state("ee_pose"), pose)
        np.testing.assert_array_equal(
            found.action("ee_pose_difference")[:-1], np.diff(pose, axis=0)
        )


def test_a_whole_episode_has_no_fault(tmp_path, layout):
    with opened(episode(tmp_path / "a.h5", layout=layout)) as found:
        assert found.faults(Hdf5()) == {}


def test_cameras_are_numbered_in_sorted_order_or_as_chosen(tmp_path):
    cameras = ("top_camera", "side_camera")
    with opened(episode(tmp_path / "a.h5", cameras=cameras)) as found:
        assert found.camera_names({}) == {"side_camera": "camera1", "top_camera": "camera2"}
        assert found.camera_names({"top_camera": "a"}) == {"top_camera": "a"}
        with pytest.raises(UserError, match=r"a.h5 has no camera up, only side_camera, top_camera"):
            found.camera_names({"up": "a"})
        with pytest.raises(UserError, match="expected another name for each camera"):
            found.camera_names({"top_camera": "a", "side_camera": "a"})


def test_a_zero_byte_and_a_cut_jpeg_are_told_by_camera(tmp_path):
    path = episode(tmp_path / "a.h5")
    put_jpeg(path, "tool_camera", 3, b"\0")
    put_jpeg(path, "top_camera", 6, b"\xff\xd8 and nothing more")
    with opened(path) as found:
        assert found.faults(Hdf5()) == {
            3: Fault(
                "image",
                "tool_camera has a single byte in place of a JPEG, as when encoding it failed",
            ),
            6: Fault("image", "top_camera has 19 bytes that are no whole JPEG"),
        }
        with pytest.raises(ImageError):
            found.image("tool_camera", 3)
        # A camera that is not used may lack its picture.
        assert found.faults(Hdf5(cameras={"side_camera": "a"})) == {}


def test_a_raw_frame_that_was_never_written_is_no_black_picture(tmp_path):
    path = episode(tmp_path / "a.h5", layout="raw")
    put(path, f"{IMAGES}/side_camera", 2, 0)
    with opened(path) as found:
        (fault,) = found.faults(Hdf5()).items()
    assert fault[0] == 2
    assert "all black" in fault[1].detail


def test_a_damaged_block_of_a_raw_array_is_a_fault_of_its_frames(tmp_path):
    path = tmp_path / "a.h5"
    episode(path, layout="raw")
    with h5py.File(path, "r+") as file:
        array = file[f"{IMAGES}/side_camera"]
        place = array.id.get_chunk_info(0)
    content = bytearray(path.read_bytes())
    middle = place.byte_offset + place.size // 2
    content[middle : middle + 8] = b"\xff" * 8
    path.write_bytes(bytes(content))
    with opened(path) as found:
        assert "cannot be read" in found.faults(Hdf5())[0].detail


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_number_that_is_not_finite_is_told(tmp_path, value):
    path = episode(tmp_path / "a.h5")
    put(path, "action", (1, 2), value)
    put(path, "observations/ee_pose", (4, 0), value)
    with opened(path) as found:
        assert {frame: fault.kind for frame, fault in found.faults(Hdf5()).items()} == {
            1: "action",
            4: "state",
        }
        # The difference that leads to a pose lacks it too.
        by_difference = found.faults(Hdf5(state="qpos", action="ee_pose_difference"))
        assert {frame: fault.kind for frame, fault in by_difference.items()} == {
            3: "action",
            4: "action",
        }


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9])
def test_a_truncated_file_is_one_line(tmp_path, layout, share):
    path = episode(tmp_path / "a.h5", layout=layout)
    truncate(path, share)
    with (
        pytest.raises(UserError, match=r"a\.h5 cannot be opened as HDF5 \(.*crashed leaves"),
        opened(path),
    ):
        pass


@pytest.mark.parametrize("signature", [b"TREE", b"HEAP", b"SNOD"])
def test_a_file_whose_groups_are_damaged_is_one_line(tmp_path, signature):
    path = episode(tmp_path / "a.h5")
    path.write_bytes(path.read_bytes().replace(signature, b"\0\0\0\0"))
    with (
        pytest.raises(UserError, match=r"a\.h5 is damaged \(.*move it away") as error,
        opened(path),
    ):
        pass
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"action": None}, "a.h5 has no action"),
        ({"observations/qpos": None}, "a.h5 has no observations/qpos"),
        (
            {"observations/ee_pose": np.zeros((8, 3), np.float32)},
            r"ee_pose is float32 \(8, 3\), exp",
        ),
        (
            {"observations/qpos": np.zeros((7, 6), np.float32)},
            r"ee_pose is float32 \(8, 6\), expec",
        ),
        ({"action": np.zeros((8, 6), np.int64)}, r"action is int64 \(8, 6\), expected float32"),
        ({"observations/qpos": np.float32(1)}, r"qpos is float32 \(\), expected"),
    ],
)
def test_keys_and_shapes_are_checked(tmp_path, change, told):
    with pytest.raises(UserError, match=told), opened(episode(tmp_path / "a.h5", change=change)):
        pass


def test_one_frame_is_no_episode(tmp_path):
    with (
        pytest.raises(UserError, match="has 1 frames, expected 2 or more"),
        opened(episode(tmp_path / "a.h5", frames=1)),
    ):
        pass


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((7, 24, 32, 3), np.uint8),
        np.zeros((8, 24, 32, 4), np.uint8),
        np.zeros((8, 24, 32, 3), np.float32),
        np.zeros((8, 0, 32, 3), np.uint8),
        np.zeros(8, np.uint8),
    ],
)
def test_pictures_of_another_shape_are_refused(tmp_path, array):
    path = episode(tmp_path / "a.h5")
    with h5py.File(path, "r+") as file:
        del file[f"{IMAGES}/top_camera"]
        file[f"{IMAGES}/top_camera"] = array
    with (
        pytest.raises(UserError, match=r"images/top_camera is .*, expected 8 JPEGs or"),
        opened(path),
    ):
        pass


def test_an_episode_without_cameras_is_refused(tmp_path):
    path = episode(tmp_path / "a.h5", cameras=())
    with pytest.raises(UserError, match="has no observations/images"), opened(path):
        pass
    with h5py.File(path, "r+") as file:
        file.create_group(IMAGES)
    with pytest.raises(UserError, match="has no camera in observations/images"), opened(path):
        pass


def test_a_group_in_place_of_an_array_is_refused(tmp_path):
    path = episode(tmp_path / "a.h5", change={"action": None})
    with h5py.File(path, "r+") as file:
        file.create_group("action")
    with pytest.raises(UserError, match="action is a group, expected an array"), opened(path):
        pass
