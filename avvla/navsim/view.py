"""What the policy would see in place of a pinhole camera: its own crop, seen through that camera.

The policy learnt on cameras whose image is equidistant, r = f theta, out to 50 degrees and more. A
lane at 20 degrees lies at 40 % of the way to the square's edge there, and a pinhole image cut out
and stretched would put it elsewhere. So the equidistant image around the same optical axis is made
first, ray by ray, and then cropped as for training. Where the pinhole camera does not look
(NAVSIM's front camera sees some 32 degrees to either side) the square is black.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from avvla.physical_ai.camera import Crop, FThetaCamera, square_crop

_NOWHERE = -1e4


@dataclass(frozen=True)
class PinholeCamera:
    """A pinhole with the Brown-Conrady distortion, as OpenCV has it; lengths in pixels.

    Camera axes: x right, y down, z out. Whole pixels are centres.
    """

    fx: float
    fy: float
    cx: float
    cy: float
    distortion: tuple[float, float, float, float, float] = (0.0, 0.0, 0.0, 0.0, 0.0)
    """k1, k2, p1, p2, k3."""

    def project(self, rays: NDArray[np.float64]) -> NDArray[np.float64]:
        """Pixels (..., 2) of rays (..., 3) in camera axes; far outside any image where none is.

        Beyond the angle at which the distortion folds back no pixel shows a ray.
        """
        ahead = rays[..., 2] > 0
        depth = np.where(ahead, rays[..., 2], 1.0)
        x, y = rays[..., 0] / depth, rays[..., 1] / depth
        k1, k2, p1, p2, k3 = self.distortion
        square = x * x + y * y
        radial = 1 + square * (k1 + square * (k2 + square * k3))
        u = x * radial + 2 * p1 * x * y + p2 * (square + 2 * x * x)
        v = y * radial + p1 * (square + 2 * y * y) + 2 * p2 * x * y
        pixels = np.stack([self.fx * u + self.cx, self.fy * v + self.cy], -1)
        seen = ahead & (square < _fold(k1, k2, k3))
        return np.where(seen[..., None], pixels, _NOWHERE)


def policy_view(
    frame: NDArray[np.uint8], camera: PinholeCamera, crop: Crop, size: int
) -> NDArray[np.uint8]:
    """The policy's image (size, size, 3) of a pinhole camera's frame (H, W, 3), both uint8 RGB."""
    wide, columns, rows = _lookup(camera, crop)
    seen = cv2.remap(frame, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
    return square_crop(np.asarray(seen, np.uint8), wide, crop, size)


def equidistant(focal_px: float, crop: Crop) -> FThetaCamera:
    """The camera r = f theta whose image is just what `crop` keeps."""
    up, down, side = (
        focal_px * math.radians(angle) for angle in (crop.up_deg, crop.down_deg, crop.side_deg)
    )
    return FThetaCamera(
        width=round(2 * side),
        height=round(up + down),
        cx=side - 0.5,
        cy=up - 0.5,
        fw_poly=(0.0, focal_px, 0.0, 0.0, 0.0),
        bw_poly=(0.0, 1.0 / focal_px, 0.0, 0.0, 0.0),
    )


@lru_cache(maxsize=4)  # a drive has one camera; a table is 25 MB
def _lookup(
    camera: PinholeCamera, crop: Crop
) -> tuple[FThetaCamera, NDArray[np.float32], NDArray[np.float32]]:
    """The equidistant camera, and the column and row of the frame for each of its pixels."""
    wide = equidistant(camera.fx, crop)  # as fine as the frame in its middle
    grid = np.stack(np.meshgrid(np.arange(wide.width), np.arange(wide.height)), -1)
    pixels = camera.project(wide.unproject(grid)).astype(np.float32)
    return wide, np.ascontiguousarray(pixels[..., 0]), np.ascontiguousarray(pixels[..., 1])


def _fold(k1: float, k2: float, k3: float) -> float:
    """Square of the radius x^2 + y^2 from which on r (1 + k1 r^2 + k2 r^4 + k3 r^6) shrinks."""
    roots = np.roots(np.array([7 * k3, 5 * k2, 3 * k1, 1.0]))
    real = roots.real[(abs(roots.imag) < 1e-9) & (roots.real > 0)]
    return float(real.min(initial=np.inf))
