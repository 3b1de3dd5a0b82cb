"""CARLA's camera is a pinhole; the policy was trained on an equidistant one.

A pinhole that covers the field of view across is put where the trained camera is, and its picture
is imaged anew as the equidistant camera's. What the pinhole does not see is black: above and below,
where its picture is cut off, which the policy's crop does not show.
"""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from avvla.carla.settings import Camera, Sensor
from avvla.physical_ai.camera import FThetaCamera, ideal

RAW_NAME = "front_wide"
"""Of the pinhole among the hero's sensors."""
FINER = 1.5
"""Of the pinhole's focal length in pixels to the equidistant camera's on the axis."""


def equidistant(camera: Camera) -> FThetaCamera:
    """The camera that a view is of."""
    return ideal(camera.width, camera.height, math.radians(camera.hfov_deg))


def size(camera: Camera) -> tuple[int, int]:
    """Width and height of the pinhole's picture [px]; it is as high as the corners of the crop."""
    half = math.tan(math.radians(camera.hfov_deg) / 2)
    focal = FINER * camera.width / math.radians(camera.hfov_deg)
    width = 2 * math.ceil(focal * half)
    return width, 2 * math.ceil(width / 2 * min(camera.height / camera.width * 1.2, 1.0))


def pinhole(camera: Camera, rear_m: float) -> Sensor:
    """The sensor, `rear_m` behind whose mount the rear axle is."""
    width, height = size(camera)
    return Sensor(
        type="sensor.camera.rgb",
        transform=f"{camera.forward_m - rear_m},0,{camera.height_m}",
        attributes={"image_size_x": width, "image_size_y": height, "fov": camera.hfov_deg},
    )


def tables(camera: Camera) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Where in the pinhole's picture each pixel (H, W) of the equidistant camera lies."""
    width, height = size(camera)
    lens = equidistant(camera)
    pixels = np.stack(np.meshgrid(np.arange(camera.width), np.arange(camera.height)), -1)
    rays = lens.unproject(pixels)
    focal = width / 2 / math.tan(math.radians(camera.hfov_deg) / 2)
    # Rays from 90 degrees on have no place in a pinhole's picture.
    depth = np.where(rays[..., 2] > 1e-3, rays[..., 2], np.nan)
    column = focal * rays[..., 0] / depth + (width - 1) / 2
    row = focal * rays[..., 1] / depth + (height - 1) / 2
    return (
        np.nan_to_num(column, nan=-1e4).astype(np.float32),
        np.nan_to_num(row, nan=-1e4).astype(np.float32),
    )


def imaged(
    picture: NDArray[np.uint8], places: tuple[NDArray[np.float32], NDArray[np.float32]]
) -> NDArray[np.uint8]:
    """The equidistant camera's frame (H, W, 3) of the pinhole's, both RGB."""
    frame = cv2.remap(
        picture, *places, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=(0, 0, 0)
    )
    return np.asarray(frame, np.uint8)
