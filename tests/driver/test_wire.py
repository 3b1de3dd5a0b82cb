"""The messages against bytes that were put together by hand from the field numbers."""

import struct

import pytest
from google.protobuf.descriptor_pool import Default

from avvla.driver import wire
from avvla.driver.schema import parse


def field(number: int, content: bytes) -> bytes:
    return bytes([number << 3 | 2, len(content)]) + content


def fixed64(number: int, value: int) -> bytes:
    return bytes([number << 3 | 1]) + struct.pack("<Q", value)


def floats(**numbers: float) -> bytes:
    return b"".join(
        bytes([int(number[1:]) << 3 | 5]) + struct.pack("<f", value)
        for number, value in numbers.items()
    )


def double(number: int, value: float) -> bytes:
    return bytes([number << 3 | 1]) + struct.pack("<d", value)


POSE = field(1, field(1, floats(_1=1, _2=2, _3=3)) + field(2, floats(_1=1, _4=0.5)))
TRAJECTORY = field(1, POSE + fixed64(2, 77))
STATE = field(2, floats(_1=4, _2=5))


def test_egomotion_has_fields_4_and_5():
    head = field(1, b"abc") + field(3, TRAJECTORY)
    old = wire.read("egodriver.RolloutEgoTrajectory", head + field(4, STATE))
    new = wire.read("egodriver.RolloutEgoTrajectory", head + field(5, STATE) + field(5, STATE))
    for read in (old, new):
        assert read.session_uuid == "abc"
        (entry,) = read.trajectory.poses
        assert entry.timestamp_us == 77
        assert (entry.pose.vec.x, entry.pose.vec.y, entry.pose.vec.z) == (1, 2, 3)
        assert (entry.pose.quat.w, entry.pose.quat.z) == (1, 0.5)
    assert old.dynamic_state.linear_velocity.y == 5
    assert not old.dynamic_states
    assert [state.linear_velocity.x for state in new.dynamic_states] == [4, 4]
    assert not new.HasField("dynamic_state")


def test_requests():
    image = fixed64(2, 10) + fixed64(3, 20) + field(4, b"jpeg") + field(5, b"front")
    read = wire.read("egodriver.RolloutCameraImage", field(1, b"s") + field(3, image)).camera_image
    assert (read.frame_start_us, read.frame_end_us) == (10, 20)
    assert (read.image_bytes, read.logical_id) == (b"jpeg", "front")
    read = wire.read("egodriver.DriveRequest", field(1, b"s") + fixed64(3, 5) + fixed64(4, 6))
    assert (read.time_now_us, read.time_query_us) == (5, 6)
    route = field(1, floats(_1=3)) + fixed64(2, 9)
    read = wire.read("egodriver.RouteRequest", field(1, b"s") + field(3, route)).route
    assert (read.waypoints[0].x, read.timestamp_us) == (3, 9)
    truth = field(1, TRAJECTORY) + fixed64(2, 9)
    read = wire.read("egodriver.GroundTruthRequest", field(2, truth)).ground_truth
    assert (read.trajectory.poses[0].timestamp_us, read.timestamp_us) == (77, 9)


def test_a_session_has_cameras():
    f_theta = double(1, 960.0) + double(2, 540.0) + bytes([3 << 3, 2]) + field(5, b"\0" * 16)
    spec = field(2, f_theta) + field(5, b"cam") + bytes([7 << 3, 40, 8 << 3, 60])
    camera = field(1, spec) + field(3, b"cam")
    data = field(1, b"s") + fixed64(2, 3) + field(4, field(1, b"clip"))
    data += field(5, field(1, field(3, camera)))
    read = wire.read("egodriver.DriveSessionRequest", data)
    assert (read.random_seed, read.debug_info.scene_id) == (3, "clip")
    (one,) = read.rollout_spec.vehicle.available_cameras
    assert one.logical_id == one.intrinsics.logical_id == "cam"
    assert (one.intrinsics.resolution_h, one.intrinsics.resolution_w) == (40, 60)
    assert one.intrinsics.WhichOneof("camera_param") == "ftheta_param"
    assert one.intrinsics.ftheta_param.principal_point_x == 960.0
    assert list(one.intrinsics.ftheta_param.angle_to_pixeldist_poly) == [0.0, 0.0]


def test_a_response():
    response = wire.message("egodriver.DriveResponse")()
    response.trajectory.poses.add(timestamp_us=7)
    response.debug_info.unstructured_debug_info = b"x"
    expected = field(2, field(1, fixed64(2, 7))) + field(3, field(1, b"x"))
    assert response.SerializeToString() == expected


def test_the_nine_calls():
    assert [method.name for method in wire.methods(wire.DRIVER)] == [
        *("start_session", "close_session", "submit_image_observation"),
        *("submit_egomotion_observation", "submit_route", "submit_recording_ground_truth"),
        *("drive", "get_version", "shut_down"),
    ]


def test_other_egodriver_packages_do_not_clash():
    wire.message("egodriver.DriveRequest")
    with pytest.raises(KeyError):
        Default().FindMessageTypeByName("egodriver.DriveRequest")


def test_bytes_of_nothing_are_refused():
    with pytest.raises(ValueError, match=r"2 bytes are no egodriver\.DriveRequest"):
        wire.read("egodriver.DriveRequest", b"\xff\xff")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('syntax = "proto2";', "expected '\"proto3\"'"),
        ('syntax = "proto3"; option x = 1;', "'option' where a declaration begins"),
        ('syntax = "proto3"; message A { int32 a = 1 }', "expected ';'"),
        ('syntax = "proto3"; message A {', "the file ends"),
        ('syntax = "proto3"; service A { option }', "expected 'rpc'"),
    ],
)
def test_other_schemas_are_refused(text, told):
    with pytest.raises(ValueError, match=told):
        parse("x.proto", text)
