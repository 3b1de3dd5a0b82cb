"""The f-theta camera, its pose in the rig and the policy's square crop.

A ray at angle theta [rad] from the optical axis lands at radius r = fw(theta) [px] around the
principal point; theta = bw(r) is the way back. Both are polynomials of degree 4, lowest order
first, as in the columns `fw_poly_0..4` and `bw_poly_0..4` of NVIDIA's `camera_intrinsics`.

Camera axes: x right, y down, z out. Rig axes: x forward, y left, z up, origin on the ground under
the rear axle. Pixels are (column, row); whole numbers are the centres of pixels.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial.transform import Rotation

if TYPE_CHECKING:
    from avvla.config import Build

Polynomial = tuple[float, float, float, float, float]

# Columns: the axes of a camera that looks straight ahead, in the rig: right -y, down -z, out x.
_LOOKING_AHEAD = np.array([[0.0, 0.0, 1.0], [-1.0, 0.0, 0.0], [0.0, -1.0, 0.0]])


@dataclass(frozen=True)
class FThetaCamera:
    """Intrinsics of one camera; lengths in pixels, angles in radians."""

    width: int
    height: int
    cx: float
    cy: float
    fw_poly: Polynomial
    bw_poly: Polynomial

    def project(self, points: ArrayLike) -> NDArray[np.float64]:
        """Pixels (..., 2) of points (..., 3) in camera axes, at any angle below pi.

        Nothing is clipped: a point outside the field of view lands outside the image.
        """
        xyz = np.asarray(points, dtype=np.float64)
        across = np.hypot(xyz[..., 0], xyz[..., 1])
        radius = _evaluate(self.fw_poly, np.arctan2(across, xyz[..., 2]))
        # On the axis there is no direction to go, and no radius to go along it.
        scale = np.divide(radius, across, out=np.zeros_like(across), where=across > 0)
        return np.asarray(xyz[..., :2] * scale[..., None] + (self.cx, self.cy))

    def unproject(self, pixels: ArrayLike) -> NDArray[np.float64]:
        """Unit rays (..., 3) in camera axes of pixels (..., 2)."""
        offset = np.asarray(pixels, dtype=np.float64) - (self.cx, self.cy)
        radius = np.hypot(offset[..., 0], offset[..., 1])
        angle = np.where(radius > 0, _evaluate(self.bw_poly, radius), 0.0)
        scale = np.divide(np.sin(angle), radius, out=np.zeros_like(radius), where=radius > 0)
        return np.concatenate([offset * scale[..., None], np.cos(angle)[..., None]], axis=-1)


@dataclass(frozen=True)
class RigExtrinsics:
    """Sensor-to-rig pose: position [m] in the rig and rotation as a quaternion (x, y, z, w)."""

    position: tuple[float, float, float]
    quaternion: tuple[float, float, float, float]

    @property
    def rotation(self) -> NDArray[np.float64]:
        """Rotation (3, 3) whose columns are the sensor's axes in the rig."""
        return Rotation.from_quat(self.quaternion).as_matrix()


def ideal(width: int, height: int, hfov_rad: float) -> FThetaCamera:
    """The equidistant camera r = f theta that spans `hfov_rad` over its width, centred."""
    focal_px = width / hfov_rad
    return FThetaCamera(
        width=width,
        height=height,
        cx=(width - 1) / 2,
        cy=(height - 1) / 2,
        fw_poly=(0.0, focal_px, 0.0, 0.0, 0.0),
        bw_poly=(0.0, 1.0 / focal_px, 0.0, 0.0, 0.0),
    )


def front_camera_extrinsics(
    height_m: float = 1.5,
    forward_m: float = 1.7,
    yaw: float = 0.0,
    pitch: float = 0.0,
    roll: float = 0.0,
) -> RigExtrinsics:
    """A camera on the rig's centre line, looking ahead.

    Angles [rad] turn about the rig's axes in the order roll (x), pitch (y), yaw (z): positive yaw
    looks left, positive pitch looks down, positive roll leans right.
    """
    turn = Rotation.from_euler("xyz", [roll, pitch, yaw]) * Rotation.from_matrix(_LOOKING_AHEAD)
    x, y, z, w = np.asarray(turn.as_quat(canonical=True))
    return RigExtrinsics((forward_m, 0.0, height_m), (float(x), float(y), float(z), float(w)))


def rig_to_camera(points: ArrayLike, extrinsics: RigExtrinsics) -> NDArray[np.float64]:
    """Points (..., 3) in rig axes as points (..., 3) in camera axes: R^-1 (p - position) [m]."""
    from_camera = np.asarray(points, dtype=np.float64) - extrinsics.position
    return from_camera @ extrinsics.rotation


@dataclass(frozen=True)
class Crop:
    """What a crop keeps around the optical axis [degree]: above it, below it, to either side.

    It goes into a square: stretched to fill it, or in its proportions, padded with black.
    """

    up_deg: float
    down_deg: float
    side_deg: float
    aspect: Literal["stretch", "pad"] = "stretch"

    @classmethod
    def of(cls, build: Build) -> Crop:
        """The crop of the parameters `build`."""
        return cls(build.crop_up_deg, build.crop_down_deg, build.crop_side_deg, build.aspect)

    def window(self, camera: FThetaCamera) -> tuple[slice, slice]:
        """Rows and columns of the camera's image that it keeps, at least one of each."""

        def radius(angle_deg: float) -> float:
            return float(_evaluate(camera.fw_poly, np.array(math.radians(angle_deg))))

        row, column = camera.cy + 0.5, camera.cx + 0.5  # the first pixel's edge is 0
        side = radius(self.side_deg)
        return (
            _kept(row - radius(self.up_deg), row + radius(self.down_deg), camera.height),
            _kept(column - side, column + side, camera.width),
        )

    def shown(self, camera: FThetaCamera) -> tuple[tuple[int, int], tuple[int, int]]:
        """(first, end) of the camera's rows and columns that the square shows.

        What of them lies outside the window is black, also beyond the image.
        """
        kept = self.window(camera)
        (top, bottom), (left, right) = ((part.start, part.stop) for part in kept)
        if self.aspect == "stretch":
            return (top, bottom), (left, right)
        side = max(bottom - top, right - left)
        above, before = (side - bottom + top) // 2, (side - right + left) // 2
        return (top - above, top - above + side), (left - before, left - before + side)

    def filled(self, camera: FThetaCamera, size: int) -> tuple[slice, slice]:
        """Rows and columns of the square of side `size` that show the window."""

        def part(kept: slice, shown: tuple[int, int]) -> slice:
            scale = size / (shown[1] - shown[0])
            return slice(
                round((kept.start - shown[0]) * scale), round((kept.stop - shown[0]) * scale)
            )

        rows, columns = zip(self.window(camera), self.shown(camera), strict=True)
        return part(*rows), part(*columns)


def square_crop(
    frame: NDArray[np.uint8], camera: FThetaCamera, crop: Crop, size: int
) -> NDArray[np.uint8]:
    """The policy's image (size, size, 3) of a camera frame (H, W, 3), both uint8.

    `crop.aspect` says how it fits into the square. Each axis is averaged over pixel areas where it
    shrinks and interpolated where it grows.
    """
    window = crop.window(camera)
    margins = [
        (kept.start - first, end - kept.stop)
        for kept, (first, end) in zip(window, crop.shown(camera), strict=True)
    ]
    kept = np.pad(frame[window], (*margins, (0, 0)))
    rows, columns = kept.shape[:2]
    # One axis at a time: cv2.INTER_AREA samples instead of averaging when the other axis grows.
    narrow = cv2.resize(kept, (size, rows), interpolation=_method(columns, size))
    square = cv2.resize(narrow, (size, size), interpolation=_method(rows, size))
    return np.asarray(square, dtype=np.uint8)


def _kept(begin: float, end: float, length: int) -> slice:
    first = min(max(round(begin), 0), length - 1)
    return slice(first, min(max(round(end), first + 1), length))


def _method(length: int, size: int) -> int:
    return cv2.INTER_AREA if length >= size else cv2.INTER_LINEAR


def _evaluate(polynomial: Polynomial, value: NDArray[np.float64]) -> NDArray[np.float64]:
    result = np.zeros_like(value)
    for coefficient in reversed(polynomial):
        result = result * value + coefficient
    return result
