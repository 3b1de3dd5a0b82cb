"""A simulator's camera: from its intrinsics and a frame to the policy's picture.

The policy was trained on f-theta cameras. A frame of one is cropped as in training; a frame of a
pinhole is first imaged anew as the equidistant camera of the same focal length, because its own
picture grows with the tangent of the angle. The camera's pose matters to neither.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from avvla.driver.refusal import invalid, shown
from avvla.physical_ai.camera import Crop, FThetaCamera, Polynomial, square_crop

Picture = NDArray[np.uint8]

WIDEST_RAD = math.radians(80)
"""From the axis of a pinhole, whose picture would be endless at 90 degrees."""
MOST_PX = 1 << 14
MOST_TERMS, LARGEST = 8, 1e9
"""Of a polynomial, and of any number of a camera: beyond them arithmetic overflows."""
WIDER = 1.5
"""At most, or narrower, may a frame be than the camera's own proportions."""


@dataclass(frozen=True)
class Pinhole:
    """Intrinsics of a pinhole camera, [px]."""

    width: int
    height: int
    cx: float
    cy: float
    fx: float
    fy: float
    distortion: tuple[float, ...]
    """(12,) k1, k2, p1, p2, k3, k4, k5, k6, s1, s2, s3, s4, as OpenCV has them."""


Lens = FThetaCamera | Pinhole


def lens(spec: Any) -> Lens:
    """The camera of a `CameraSpec`, at native resolution.

    Raises:
        RefusalError: it is of another kind, or its numbers make no camera.
    """
    name = shown(spec.logical_id)
    width, height = spec.resolution_w, spec.resolution_h
    if not (0 < width <= MOST_PX and 0 < height <= MOST_PX):
        raise invalid(f"camera {name} has a resolution of {width}x{height}")
    kind = spec.WhichOneof("camera_param")
    if kind == "ftheta_param":
        made: Lens = (curved := _f_theta(spec.ftheta_param, width, height))
        numbers: tuple[float, ...] = (curved.cx, curved.cy, *curved.fw_poly)
    elif kind == "opencv_pinhole_param":
        made = flat = _pinhole(spec.opencv_pinhole_param, width, height)
        numbers = (flat.cx, flat.cy, flat.fx, flat.fy, *flat.distortion)
    else:
        raise invalid(
            f"camera {name} has intrinsics of the kind {kind}, expected ftheta_param or"
            " opencv_pinhole_param"
        )
    if not all(abs(number) <= LARGEST for number in numbers) or not _focal(made) > 0:
        raise invalid(f"the intrinsics of camera {name} make no camera")
    return made


def picture(lens: Lens, frame: Picture, crop: Crop, size: int) -> Picture:
    """The policy's picture (size, size, 3) of a frame (H, W, 3) of any size, both RGB.

    The frame shows what the lens does at native resolution.

    Raises:
        RefusalError: it has quite other proportions.
    """
    rows, columns = frame.shape[:2]
    wider = columns * lens.height / (rows * lens.width)
    if not 1 / WIDER <= wider <= WIDER:
        raise invalid(
            f"an image has {columns}x{rows} pixels, expected the proportions of its camera,"
            f" {lens.width}x{lens.height}"
        )
    # One factor for both axes, as the lens has one radius for both.
    across = max(round(lens.width * rows / lens.height), 1)
    if abs(across - columns) > 1:
        frame = np.asarray(cv2.resize(frame, (across, rows)), np.uint8)
    scaled = scale(lens, frame.shape[1], rows)
    if isinstance(scaled, Pinhole):
        seen, coarse, fine = _equidistant(scaled)
        frame = np.asarray(cv2.remap(frame, coarse, fine, cv2.INTER_LINEAR), np.uint8)
        scaled = seen
    return square_crop(frame, scaled, crop, size)


def scale(lens: Lens, width: int, height: int) -> Lens:
    """The lens for frames of this size, in the proportions of its own."""
    by = height / lens.height
    moved: dict[str, Any] = {
        "width": width,
        "height": height,
        "cx": (lens.cx + 0.5) * width / lens.width - 0.5,
        "cy": (lens.cy + 0.5) * by - 0.5,
    }
    if isinstance(lens, Pinhole):
        return replace(lens, **moved, fx=lens.fx * by, fy=lens.fy * by)
    forward = cast(Polynomial, tuple(by * c for c in lens.fw_poly))
    backward = cast(Polynomial, tuple(c / by**n for n, c in enumerate(lens.bw_poly)))
    return replace(lens, **moved, fw_poly=forward, bw_poly=backward)


def _focal(lens: Lens) -> float:
    """Pixels a radian on the axis."""
    return min(lens.fx, lens.fy) if isinstance(lens, Pinhole) else lens.fw_poly[1]


def _f_theta(param: Any, width: int, height: int) -> FThetaCamera:
    forward, backward = param.angle_to_pixeldist_poly, param.pixeldist_to_angle_poly
    fw, bw = tuple(forward), tuple(backward)
    if max(len(fw), len(bw)) > MOST_TERMS:
        raise invalid(f"an f-theta camera has a polynomial of more than {MOST_TERMS} numbers")
    if not fw and bw:
        fw = inverse(bw, math.hypot(width, height) / 2)
    if len(fw) < 2:
        raise invalid("an f-theta camera comes without a polynomial")
    # Only the way forward is used here; the other one is kept as it came.
    return FThetaCamera(
        width=width,
        height=height,
        cx=param.principal_point_x,
        cy=param.principal_point_y,
        fw_poly=cast(Polynomial, fw),
        bw_poly=cast(Polynomial, bw),
    )


def inverse(backward: tuple[float, ...], most_px: float) -> tuple[float, ...]:
    """The polynomial without constant, of degree 5, from angle to radius of that from radius."""
    radius = np.linspace(0.0, most_px, 200)
    angle = np.polynomial.polynomial.polyval(radius, backward)
    if not (np.abs(angle) <= 2 * math.pi).all() or not (np.diff(angle) > 0).all():
        raise invalid(
            "the angle of an f-theta camera does not grow with the distance in pixels, from 0 to at"
            " most a whole turn"
        )
    powers = angle[:, None] ** np.arange(1, 6)
    found = np.linalg.lstsq(powers, radius, rcond=None)[0]
    return (0.0, *found.tolist())


def _pinhole(param: Any, width: int, height: int) -> Pinhole:
    def padded(values: Any, count: int, name: str) -> list[float]:
        given = list(values)
        if len(given) > count:
            raise invalid(f"{name} has {len(given)} numbers, expected at most {count}")
        return given + [0.0] * (count - len(given))

    k = padded(param.radial_coeffs, 6, "radial_coeffs")
    p = padded(param.tangential_coeffs, 2, "tangential_coeffs")
    s = padded(param.thin_prism_coeffs, 4, "thin_prism_coeffs")
    return Pinhole(
        width,
        height,
        param.principal_point_x,
        param.principal_point_y,
        param.focal_length_x,
        param.focal_length_y,
        (*k[:2], *p, *k[2:], *s),
    )


@lru_cache(maxsize=4)
def _equidistant(lens: Pinhole) -> tuple[FThetaCamera, Picture, Picture]:
    """The equidistant camera of the same focal length, and where the lens images its pixels."""
    focal = lens.fy
    seen = FThetaCamera(
        width=lens.width,
        height=lens.height,
        cx=lens.cx,
        cy=lens.cy,
        fw_poly=(0.0, focal, 0.0, 0.0, 0.0),
        bw_poly=(0.0, 1.0 / focal, 0.0, 0.0, 0.0),
    )
    column, row = np.meshgrid(np.arange(lens.width), np.arange(lens.height))
    rays = seen.unproject(np.stack([column, row], -1)).reshape(-1, 3)
    ahead = rays[:, 2] > math.cos(WIDEST_RAD)
    matrix = np.array([[lens.fx, 0.0, lens.cx], [0.0, lens.fy, lens.cy], [0.0, 0.0, 1.0]])
    none = np.zeros(3)
    where = np.full((len(rays), 2), -2.0)  # outside, so black
    if ahead.any():
        found, _ = cv2.projectPoints(rays[ahead], none, none, matrix, np.array(lens.distortion))
        where[ahead] = np.nan_to_num(found[:, 0], nan=-2.0)
    columns, rows = np.clip(where, -2.0, MOST_PX).astype(np.float32).T.reshape(2, *column.shape)
    # Fixed point: half the memory, and remapping is faster.
    coarse, fine = cv2.convertMaps(columns, rows, cv2.CV_16SC2)
    return seen, np.asarray(coarse), np.asarray(fine)
