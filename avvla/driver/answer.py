"""The response to a `drive`."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np

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
    for step, row in enumerate(composed(present.pose, raised(path)).tolist()):
        entry = response.trajectory.poses.add(timestamp_us=present.begin_us + step * STEP_US)
        vec, quat = entry.pose.vec, entry.pose.quat
        vec.x, vec.y, vec.z, quat.w, quat.x, quat.y, quat.z = row
    response.debug_info.unstructured_debug_info = notes(present.scene.command, way.reason)
    return response


def notes(command: str, reason: str) -> bytes:
    """What Alpasim's evaluation unpickles: a dictionary of plain values."""
    side = known_command(command).direction
    told = {
        "command": SIDES.get(side, STRAIGHT),
        "command_name": command,
        "reasoning_text": f"{command}: {reason}",
    }
    return pickle.dumps(told, protocol=4)
