"""The response to a `drive`."""

from __future__ import annotations

import pickle
import struct
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from avvla.driver import wire
from avvla.driver.pose import composed, raised
from avvla.driver.scene import STEP_US, Way
from avvla.driver.session import Present
from avvla.labels.taxonomy import command as known_command

SIDES = {"left": 0, "right": 2}
STRAIGHT = 1
"""As Alpasim numbers commands."""


def answer(present: Present, way: Way) -> Any:
    """A `DriveResponse`: the present pose, then one for each step, rig in `local`."""
    response = wire.message("egodriver.DriveResponse")()
    path = np.concatenate([np.zeros((1, 3)), way.path])
    times = present.begin_us + STEP_US * np.arange(len(path))
    response.trajectory.MergeFromString(encoded(times, composed(present.pose, raised(path))))
    response.debug_info.unstructured_debug_info = notes(present.scene.command, way.reason)
    return response


def encoded(times: NDArray[np.int64], poses: NDArray[np.float64]) -> bytes:
    """The bytes of a `Trajectory`: times [us] and poses (N, 7) x, y, z, qw, qx, qy, qz.

    Numbers are put into copies of one encoded pose: set field by field, 65 poses take ten times as
    long, which is more than all else of a drive.
    """
    one, layout = _pose()
    data = bytearray(one * len(times))
    rows = np.frombuffer(data, layout)
    for name, column in zip(NUMBERS, poses.T, strict=True):
        rows[name] = column
    rows["time"] = times
    return bytes(data)


NUMBERS = ("x", "y", "z", "qw", "qx", "qy", "qz")


@cache
def _pose() -> tuple[bytes, np.dtype[np.void]]:
    """A `Trajectory` of one pose, encoded, and where its numbers lie in the bytes."""
    values, time_us = [0.1 + 1.7**place for place in range(len(NUMBERS))], 0x123456789ABCDEF
    trajectory = wire.message("common.Trajectory")()
    pose = trajectory.poses.add(timestamp_us=time_us).pose
    vec, quat = pose.vec, pose.quat
    vec.x, vec.y, vec.z, quat.w, quat.x, quat.y, quat.z = values
    data = trajectory.SerializeToString()
    places = [data.index(struct.pack("<f", value)) for value in values]
    layout = np.dtype(
        {
            "names": [*NUMBERS, "time"],
            "formats": ["<f4"] * len(NUMBERS) + ["<u8"],
            "offsets": [*places, data.index(struct.pack("<Q", time_us))],
            "itemsize": len(data),
        }
    )
    return data, layout


def notes(command: str, reason: str) -> bytes:
    """What Alpasim's evaluation unpickles: a dictionary of plain values."""
    side = known_command(command).direction
    told = {
        "command": SIDES.get(side, STRAIGHT),
        "command_name": command,
        "reasoning_text": f"{command}: {reason}",
    }
    return pickle.dumps(told, protocol=4)
