"""The driven path from speed and heading, and GPS as a slow check of it.

Positions of L2D are float32: at 52 degrees north one step of latitude is 0.42 m, so a difference of
two frames is noise. The path is integrated over the recorded times t, by the trapezoidal rule:

    yaw = pi / 2 - radians(heading)            heading in degrees clockwise from north
    x' = v cos(yaw), y' = v sin(yaw)           v in m/s, of km/h; x to the east, y to the north

GPS is compared over SPAN frames at a time. It disagrees where more than half of the spans end
further from the integrated ones than TOLERANCE_M and TOLERANCE of their length: by then a unit or
an axis is wrong, or a sensor failed, which no noise of a position explains.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

EARTH_RADIUS_M = 6_371_000.0
SPAN = 50
TOLERANCE_M = 5.0
TOLERANCE = 0.3


def mps_of_kmh(speed_kmh: FloatArray) -> FloatArray:
    """Speeds (N,) [m/s] of speeds (N,) [km/h]."""
    return speed_kmh / 3.6


def yaw_of_heading(heading_deg: FloatArray) -> FloatArray:
    """Yaw (N,) [rad, unwrapped], counter-clockwise from east, of headings (N,) [degree]."""
    return np.asarray(np.unwrap(np.pi / 2 - np.radians(heading_deg)), np.float64)


def integrate(time_s: FloatArray, speed_mps: FloatArray, yaw: FloatArray) -> FloatArray:
    """Positions (N, 2) [m], east and north of the first, of speeds (N,) and yaws (N,) [rad]."""
    velocity = speed_mps[:, None] * np.stack([np.cos(yaw), np.sin(yaw)], axis=-1)
    steps = (velocity[1:] + velocity[:-1]) / 2 * np.diff(time_s)[:, None]
    return np.concatenate([np.zeros((1, 2)), np.cumsum(steps, axis=0)])


def gps_disagrees(xy: FloatArray, latitude_deg: FloatArray, longitude_deg: FloatArray) -> bool:
    """Whether GPS (N,) tells another path than positions (N, 2) [m, east and north].

    Spans without a finite position are not judged; without any the answer is no.
    """
    latitude, longitude = np.radians(latitude_deg[::SPAN]), np.radians(longitude_deg[::SPAN])
    north = np.diff(latitude) * EARTH_RADIUS_M
    east = np.diff(longitude) * np.cos(latitude[:-1]) * EARTH_RADIUS_M
    path = np.diff(xy[::SPAN], axis=0)
    apart = np.hypot(east - path[:, 0], north - path[:, 1])
    judged = np.isfinite(apart)
    allowed = TOLERANCE_M + TOLERANCE * np.hypot(path[:, 0], path[:, 1])
    return bool((apart[judged] > allowed[judged]).sum() * 2 > judged.sum())
