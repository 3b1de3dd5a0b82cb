"""How what a sensor sends is matched to frames, without a server."""

from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("carla.libcarla", reason="CARLA's client has wheels for Python 3.12 on x86_64")

from avvla.carla.sensors import ARRAYS, Attached, Sensors
from avvla.carla.settings import Sensor
from avvla.errors import UserError


class Listening:
    """An actor whose data comes when the test says so."""

    def listen(self, told):
        self.tell = lambda frame: told(SimpleNamespace(frame=frame, latitude=frame))


def attached(kind="sensor.other.gnss", **attributes):
    actor = Listening()
    return actor, Attached(actor, Sensor(type=kind, attributes=attributes))


def test_older_frames_are_left_behind():
    actor, sensor = attached()
    for frame in (5, 6, 7):
        actor.tell(frame)
    assert sensor.take(7, 0.0)
    assert sensor.last.frame == 7


@pytest.mark.parametrize("frames", [(), (5, 6), (8,)])
def test_a_frame_that_did_not_come_is_missed(frames):
    actor, sensor = attached()
    for frame in frames:
        actor.tell(frame)
    assert not sensor.take(7, 0.01)


def test_a_sensor_with_a_pace_of_its_own_may_be_silent_and_shows_its_last():
    actor, sensor = attached(sensor_tick=0.5)
    assert sensor.take(7, 0.0)
    assert sensor.last is None
    actor.tell(8)
    actor.tell(9)
    assert sensor.take(12, 0.0)
    assert sensor.last.frame == 9


def test_a_late_sensor_is_named_with_its_frame():
    sensors = Sensors()
    sensors._attached["where"] = attached()[1]
    with pytest.raises(UserError) as caught:
        sensors.collect(7, 0.01)
    assert "the sensor 'where' (sensor.other.gnss) sent nothing for frame 7 within 0.01 s" in str(
        caught.value
    )


def test_depth_is_told_in_three_bytes():
    pixels = np.array([[[255, 255, 255, 255], [0, 0, 0, 255], [128, 0, 0, 255]]], np.uint8)
    image = SimpleNamespace(raw_data=pixels.tobytes(), height=1, width=3)
    depth = ARRAYS["sensor.camera.depth"](image)
    assert depth[0] == pytest.approx([1000.0, 0.0, 500.0], abs=0.01)
