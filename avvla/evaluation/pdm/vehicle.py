"""The vehicle and the grid of NAVSIM's scores: a Chrysler Pacifica, 4 s in steps of 0.1 s."""

from __future__ import annotations

import numpy as np
import shapely
from numpy.typing import NDArray

LENGTH_M, WIDTH_M = 5.176, 2.297
WHEELBASE_M = 3.089
REAR_TO_CENTRE_M = 1.461
"""From the rear axle to the centre of the box."""
DT_S = 0.1
STEPS = 40
"""Steps of a plan; it has STEPS + 1 states."""


def wrap(angle: NDArray[np.float64]) -> NDArray[np.float64]:
    """Angles in (-pi, pi]."""
    return np.pi - np.mod(np.pi - angle, 2 * np.pi)


def centre(pose: NDArray[np.float64]) -> NDArray[np.float64]:
    """(..., 2) centre of the box of a rear axle's pose (..., 3 or more: x, y, heading)."""
    heading = pose[..., 2]
    ahead = np.stack([np.cos(heading), np.sin(heading)], -1)
    return pose[..., :2] + REAR_TO_CENTRE_M * ahead


def corners(
    middle: NDArray[np.float64],
    heading: NDArray[np.float64],
    length: NDArray[np.float64] | float = LENGTH_M,
    width: NDArray[np.float64] | float = WIDTH_M,
) -> NDArray[np.float64]:
    """(..., 4, 2) front left, rear left, rear right and front right of boxes.

    Args:
        middle: (..., 2) centres.
        heading: (...,) [rad].
        length: (...,) or one for all [m].
        width: as `length`.
    """
    ahead = np.stack([np.cos(heading), np.sin(heading)], -1) * np.asarray(length)[..., None] / 2
    left = np.stack([-np.sin(heading), np.cos(heading)], -1) * np.asarray(width)[..., None] / 2
    return np.stack(
        [
            middle + ahead + left,
            middle - ahead + left,
            middle - ahead - left,
            middle + ahead - left,
        ],
        -2,
    )


def polygons(corner: NDArray[np.float64]) -> NDArray[np.object_]:
    """(...,) shapely polygons of corners (..., 4, 2)."""
    found: NDArray[np.object_] = shapely.polygons(corner)
    return found
