"""Pictures of the report: plans in the policy's camera picture, drives from above.

Images are (H, W, 3) uint8 RGB. The same inputs give the same bytes.
"""

from __future__ import annotations

from base64 import b64encode

import cv2
import numpy as np
from numpy.typing import NDArray

from avvla.config import Build, Synthetic
from avvla.evaluation import replay
from avvla.evaluation.drive import Drive
from avvla.evaluation.examples import Example
from avvla.physical_ai.camera import (
    Crop,
    FThetaCamera,
    front_camera_extrinsics,
    rig_to_camera,
)
from avvla.world.birdseye import draw, overlay_plan
from avvla.world.recording import synthetic_camera

Image = NDArray[np.uint8]

CAMERA_WIDTH_PX = 768
DRIVE_PX = (300, 600)
SUBPIXEL_BITS = 4
NEAREST_M = 0.5
JPEG_QUALITY = 85
WHITE, INK = (255, 255, 255), (20, 24, 32)


def camera_picture(example: Example, build: Build, synthetic: Synthetic) -> Image:
    """The policy's square picture in its true proportions, with both paths on the ground.

    The agent's plan is the ribbon of `overlay_plan`, the recorded path a white line. The camera is
    the embedded world's, where its randomisation would have put it on average.
    """
    camera = synthetic_camera(synthetic)
    zoom = CAMERA_WIDTH_PX / camera.width
    crop = Crop.of(build)
    window = tuple(
        slice(round(kept.start * zoom), round(kept.stop * zoom)) for kept in crop.window(camera)
    )
    large = scaled(camera, zoom)
    frame: Image = np.zeros((large.height, large.width, 3), np.uint8)
    height, width = frame[window].shape[:2]
    seen_image = example.image[crop.filled(camera, len(example.image))]
    frame[window] = cv2.resize(seen_image, (width, height), interpolation=cv2.INTER_CUBIC)
    extrinsics = front_camera_extrinsics()
    frame = overlay_plan(frame, large, extrinsics, example.planned)
    ground = np.concatenate([example.recorded, np.zeros((len(example.recorded), 1))], axis=-1)
    seen = rig_to_camera(ground, extrinsics)
    line = large.project(seen[seen[:, 2] > NEAREST_M])
    fixed = np.round(line * (1 << SUBPIXEL_BITS)).astype(np.int32)
    for colour, thickness in ((INK, 6), (WHITE, 3)):
        cv2.polylines(frame, [fixed], False, colour, thickness, cv2.LINE_AA, SUBPIXEL_BITS)
    return frame[window]


def scaled(camera: FThetaCamera, zoom: float) -> FThetaCamera:
    """The camera whose image is `zoom` times as large."""
    a0, a1, a2, a3, a4 = camera.fw_poly
    b0, b1, b2, b3, b4 = camera.bw_poly
    return FThetaCamera(
        width=round(camera.width * zoom),
        height=round(camera.height * zoom),
        cx=(camera.cx + 0.5) * zoom - 0.5,
        cy=(camera.cy + 0.5) * zoom - 0.5,
        fw_poly=(a0 * zoom, a1 * zoom, a2 * zoom, a3 * zoom, a4 * zoom),
        bw_poly=(b0, b1 / zoom, b2 / zoom**2, b3 / zoom**3, b4 / zoom**4),
    )


def drive_picture(drive: Drive, synthetic: Synthetic) -> Image:
    """The whole drive from above, with the other vehicles where they are at its end."""
    world = replay.last(drive, synthetic)
    x, y, yaw, _ = drive.states[-1].tolist()
    return draw(
        world.scenario.road_map,
        (x, y, yaw),
        world.boxes(),
        path=drive.states,
        fit=True,
        size_px=DRIVE_PX,
    )


def png_uri(image: Image) -> str:
    """A `data:` address of the image without loss: for flat colours."""
    return _uri(image, ".png", [cv2.IMWRITE_PNG_COMPRESSION, 6])


def jpeg_uri(image: Image) -> str:
    """A `data:` address of the image as JPEG: for camera noise."""
    return _uri(image, ".jpg", [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])


def _uri(image: Image, extension: str, options: list[int]) -> str:
    _, encoded = cv2.imencode(extension, cv2.cvtColor(image, cv2.COLOR_RGB2BGR), options)
    kind = extension.removeprefix(".").replace("jpg", "jpeg")
    return f"data:image/{kind};base64,{b64encode(encoded.tobytes()).decode()}"
