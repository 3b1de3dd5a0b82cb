"""Between CARLA's axes and ours.

CARLA is left-handed (x forward, y right, z up) and turns clockwise seen from above, in degrees;
ours is right-handed (y left) and counter-clockwise, in radians. Both share x and z, so positions
and velocities are mirrored in y and angles about z change sign.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def yaw_rad(yaw_deg: float) -> float:
    """Our yaw of CARLA's, in [-pi, pi)."""
    return wrapped(-math.radians(yaw_deg))


def yaw_deg(yaw: float) -> float:
    """CARLA's yaw of ours, in [-180, 180)."""
    return math.degrees(wrapped(-yaw))


def wrapped(angle: float) -> float:
    """The angle [rad] in [-pi, pi)."""
    return (angle + math.pi) % (2 * math.pi) - math.pi


def mirrored(points: Array) -> Array:
    """Points or vectors (..., >=2) of either axes in the other: y changes sign."""
    turned = np.array(points, np.float64)
    turned[..., 1] *= -1.0
    return turned
