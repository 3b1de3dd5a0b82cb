"""One clip as NVIDIA's official reader decodes it, with its errors told in one line."""

from __future__ import annotations

import zipfile
import zlib
from functools import cached_property
from typing import Any

import av
import numpy as np
import pyarrow as pa
from physical_ai_av import PhysicalAIAVDatasetInterface

from avvla.errors import UserError
from avvla.physical_ai import layout
from avvla.physical_ai.camera import FThetaCamera, RigExtrinsics

# What the package lets through of damaged files. LookupError: no row or member of the clip, empty
# tables. ValueError: unsorted times, NaN, no parquet. EOFError: a cut stream.
UNREADABLE = (
    LookupError,
    ValueError,
    OSError,
    EOFError,
    zipfile.BadZipFile,
    zlib.error,
    av.FFmpegError,
    pa.ArrowException,
)


class Clip:
    """What the official reader decodes of one clip, each part when first asked for."""

    def __init__(self, interface: PhysicalAIAVDatasetInterface, clip_id: str, camera: str) -> None:
        self.clip_id = clip_id
        self._interface = interface
        self._camera = camera

    @cached_property
    def egomotion(self) -> Any:
        """The official interpolator: called with times (N,) [us], it gives the state there."""
        interpolator = self._feature(layout.EGOMOTION)
        rotation = interpolator.values.pose.rotation.as_quat()
        # NaN, and infinity anywhere else, is refused by the package itself.
        if not np.isfinite(rotation).all():
            raise UserError(f"clip {self.clip_id}: egomotion has infinite quaternions")
        return interpolator

    @cached_property
    def video(self) -> Any:
        """The official seeking reader of the camera's video."""
        return self._feature(self._camera)

    @cached_property
    def camera(self) -> FThetaCamera:
        """Intrinsics of the camera."""
        models = self._feature(layout.CAMERA_INTRINSICS).camera_models
        if self._camera not in models:
            raise UserError(
                f"clip {self.clip_id}: no intrinsics of {self._camera}, only of {sorted(models)}"
            )
        model = models[self._camera]
        cx, cy = model.principal_point
        return FThetaCamera(
            width=model.width,
            height=model.height,
            cx=float(cx),
            cy=float(cy),
            fw_poly=tuple(model.th2r.coef.tolist()),
            bw_poly=tuple(model.r2th.coef.tolist()),
        )

    @cached_property
    def extrinsics(self) -> RigExtrinsics:
        """Pose of the camera in the rig."""
        poses = self._feature(layout.SENSOR_EXTRINSICS).sensor_poses
        if self._camera not in poses:
            raise UserError(
                f"clip {self.clip_id}: no extrinsics of {self._camera}, only of {sorted(poses)}"
            )
        pose = poses[self._camera]
        x, y, z = pose.translation.tolist()
        qx, qy, qz, qw = pose.rotation.as_quat().tolist()
        return RigExtrinsics((x, y, z), (qx, qy, qz, qw))

    def _feature(self, feature: str) -> Any:
        try:
            # NaN makes NumPy warn deep in the package before it is refused.
            with np.errstate(invalid="ignore"):
                return self._interface.get_clip_feature(self.clip_id, feature)
        except UNREADABLE as error:
            raise UserError(
                f"clip {self.clip_id}: {feature} cannot be read ({line_of(error)}): check the files"
                " with `avvla data verify`"
            ) from error


def line_of(error: Exception) -> str:
    """An upstream error in one line."""
    return f"{type(error).__name__}: {' '.join(str(error).split())}"
