"""From what the devkit tells an agent to what a policy of avvla sees, and back to poses.

NAVSIM's ego frame is the project's: rear axle, x forward, y left (autonomousvision/navsim#16).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from avvla.errors import UserError
from avvla.navsim.agent import HISTORY_FRAMES, HORIZON_S, STEP_S
from avvla.navsim.view import PinholeCamera, policy_view
from avvla.physical_ai.camera import Crop
from avvla.policy.interface import Observation, Plan

DRIVING_COMMANDS = ("left", "straight", "right", "unknown")
"""What the places of the devkit's one-hot vector mean: the route, not the traffic."""
STEPS = round(HORIZON_S / STEP_S)
_SHAPES = {
    "intrinsics": (3, 3),
    "distortion": (5,),
    "poses": (HISTORY_FRAMES, 3),
    "velocity": (2,),
    "driving_command": (len(DRIVING_COMMANDS),),
}


def observe(
    request: Mapping[str, NDArray[Any]], crop: Crop, size: int, commands: Sequence[str]
) -> Observation:
    """One vehicle's observation.

    Args:
        request: `image` (H, W, 3) uint8 RGB of the front camera, its `intrinsics` (3, 3) [px] and
            `distortion` (5,); `poses` (4, 3) x, y [m], heading [rad] at -1.5, -1, -0.5 and 0 s in
            the frame of the last; `velocity` (2,) forward and left [m/s]; `driving_command` (4,)
            one-hot.
        crop: of the training images.
        size: side of the policy's image [px].
        commands: text for each of `DRIVING_COMMANDS`.

    Raises:
        UserError: a value is missing, of another shape, not finite, or no one-hot vector.
    """
    values = {name: _finite(request, name, shape) for name, shape in _SHAPES.items()}
    frame = request.get("image")
    if frame is None or frame.dtype != np.uint8 or frame.ndim != 3 or frame.shape[2] != 3:
        got = "missing" if frame is None else f"{frame.dtype} {frame.shape}"
        raise UserError(f"the front camera's image is {got}, expected uint8 (H, W, 3), RGB")
    heading = values["poses"][:, 2]
    return Observation(
        image=policy_view(frame, _camera(values), crop, size)[None],
        # Along the heading, as in the recordings: backwards is below 0.
        speed_mps=values["velocity"][:1],
        heading_change_rad=np.array([_wrap(heading[-1] - heading[0])]),
        command=(commands[_place(values["driving_command"])],),
    )


def poses(plan: Plan) -> NDArray[np.float64]:
    """(40, 3) x, y [m], heading [rad] of a single plan after each 0.1 s up to exactly 4 s."""
    return np.asarray(plan.trajectory[0, :STEPS, :3])


def _camera(values: Mapping[str, NDArray[np.float64]]) -> PinholeCamera:
    matrix = values["intrinsics"]
    if not (matrix[0, 0] > 0 and matrix[1, 1] > 0):
        raise UserError(
            f"the camera's focal lengths are {matrix[0, 0]:g} and {matrix[1, 1]:g} px, expected"
            " more than 0"
        )
    k1, k2, p1, p2, k3 = values["distortion"].tolist()
    return PinholeCamera(
        fx=float(matrix[0, 0]),
        fy=float(matrix[1, 1]),
        cx=float(matrix[0, 2]),
        cy=float(matrix[1, 2]),
        distortion=(k1, k2, p1, p2, k3),
    )


def _finite(
    request: Mapping[str, NDArray[Any]], name: str, shape: tuple[int, ...]
) -> NDArray[np.float64]:
    value = request.get(name)
    if value is None or value.dtype.kind not in "fiub" or value.shape != shape:
        got = "missing" if value is None else f"{value.dtype} {value.shape}"
        raise UserError(f"{name} is {got}, expected numbers of shape {shape}")
    numbers = value.astype(np.float64)
    if not np.isfinite(numbers).all():
        raise UserError(f"{name} holds NaN or infinity, expected numbers")
    return numbers


def _place(one_hot: NDArray[np.float64]) -> int:
    if sorted(one_hot.tolist()) != [0.0, 0.0, 0.0, 1.0]:
        raise UserError(
            f"driving_command is {one_hot.tolist()}, expected a 1 for one of"
            f" {', '.join(DRIVING_COMMANDS)} and 0 for the others"
        )
    return int(one_hot.argmax())


def _wrap(angle: float) -> float:
    """In (-pi, pi]."""
    return float(np.pi - np.mod(np.pi - angle, 2 * np.pi))
