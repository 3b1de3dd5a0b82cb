"""State and action of an episode's frames, from what its file records.

The action of frame i is what was recorded, or the way to the next pose of the end effector,

    action[i] = ee_pose[i + 1] - ee_pose[i],    action[N - 1] = 0 (the arm stays),

a plain difference of the six numbers: an angle that the recorder wraps makes a jump.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

StateChoice = Literal["ee_pose", "qpos", "both"]
ActionChoice = Literal["recorded", "ee_pose_difference"]

JOINTS = ("q1", "q2", "q3", "q4", "q5", "q6")
"""Joint positions [rad]."""
POSE = ("x", "y", "z", "rx", "ry", "rz")
"""Position and rotation of the end effector, in the units of the recorder."""
AXES = len(JOINTS)

_STATES: dict[StateChoice, tuple[str, ...]] = {
    "ee_pose": POSE,
    "qpos": JOINTS,
    "both": (*POSE, *JOINTS),
}


def state_names(choice: StateChoice) -> tuple[str, ...]:
    """Names of the D components of a state."""
    return _STATES[choice]


def action_names(choice: ActionChoice) -> tuple[str, ...]:
    """Names of the components of an action: joints as recorded, or changes of the pose."""
    return JOINTS if choice == "recorded" else tuple(f"d{name}" for name in POSE)


def state(
    choice: StateChoice, ee_pose: NDArray[np.float32], qpos: NDArray[np.float32]
) -> NDArray[np.float32]:
    """(N, D) states; `both` is the pose, then the joints.

    Args:
        choice: what a state is made of.
        ee_pose: (N, 6) poses of the end effector.
        qpos: (N, 6) joint positions [rad].
    """
    chosen = {
        "ee_pose": ee_pose,
        "qpos": qpos,
        "both": np.concatenate([ee_pose, qpos], axis=-1),
    }
    return chosen[choice]


def action(
    choice: ActionChoice, recorded: NDArray[np.float32], ee_pose: NDArray[np.float32]
) -> NDArray[np.float32]:
    """(N, 6) actions of the frames.

    Args:
        choice: what an action is.
        recorded: (N, 6) actions of the file.
        ee_pose: (N, 6) poses of the end effector.
    """
    if choice == "recorded":
        return recorded
    return np.diff(ee_pose, axis=0, append=ee_pose[-1:])
