"""One episode of a robot arm in an HDF5 file.

    observations/images/<camera>   (N,) JPEG bytes of variable length, or (N, H, W, 3) uint8 RGB
    observations/qpos              (N, 6) joint positions [rad]
    observations/ee_pose           (N, 6) pose of the end effector x, y, z, rx, ry, rz
    action                         (N, 6) joint positions that were asked for [rad]

Frame i is shown at i / fps: the file's `timestamp` is seconds since 1970 in float32, which at this
time has a resolution of 128 s, and is not read.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Self

import h5py
import numpy as np
from numpy.typing import NDArray

from avvla.errors import UserError
from avvla.hdf5 import values
from avvla.hdf5.image import ImageError, check, decode

if TYPE_CHECKING:
    from avvla.config import Hdf5

Layout = Literal["jpeg", "raw"]

IMAGES = "observations/images"
QPOS = "observations/qpos"
EE_POSE = "observations/ee_pose"
ACTION = "action"
SHORTEST = 2
"""Frames that an episode has at least."""
KINDS = ("image", "state", "action")
"""What a frame can lack."""

# What h5py lets through of a damaged file.
_DAMAGE = (OSError, RuntimeError, LookupError, TypeError)


@dataclass(frozen=True)
class Fault:
    """Why a frame cannot be used: `kind` is one of KINDS, `detail` tells a person."""

    kind: str
    detail: str


class Episode:
    """What an open file holds; see `open`.

    Args:
        file: open for reading.
        name: what messages call it.

    Raises:
        UserError: the file is damaged or lacks a key, or an array has another shape or type.
    """

    def __init__(self, file: h5py.File, name: str) -> None:
        self._file, self.name = file, name
        try:
            self.frames = self._length()
            """N."""
            self.layouts = self._layouts()
            """How each camera's pictures are stored, by camera, sorted."""
        except _DAMAGE as error:
            raise UserError(
                f"{name} is damaged ({_line(error)}): record the episode again or move it away"
            ) from None

    @classmethod
    @contextmanager
    def open(cls, path: Path, name: str) -> Iterator[Self]:
        """The episode of a file, which is open in the block.

        Args:
            path: where the file lies.
            name: what messages call it.

        Raises:
            UserError: it is no whole HDF5 file or no episode.
        """
        try:
            file = h5py.File(path, "r")
        except OSError as error:
            raise UserError(
                f"{name} cannot be opened as HDF5 ({_line(error)}): a recorder that crashed leaves"
                " a truncated file; record the episode again or move it away"
            ) from None
        with file:
            yield cls(file, name)

    def state(self, choice: values.StateChoice) -> NDArray[np.float32]:
        """(N, D) states."""
        return values.state(choice, self._series(EE_POSE), self._series(QPOS))

    def action(self, choice: values.ActionChoice) -> NDArray[np.float32]:
        """(N, 6) actions."""
        return values.action(choice, self._series(ACTION), self._series(EE_POSE))

    def image(self, camera: str, frame: int) -> NDArray[np.uint8]:
        """The picture (H, W, 3), RGB, of a camera in a frame.

        Raises:
            ImageError: there is none.
        """
        try:
            stored = self._file[f"{IMAGES}/{camera}"][frame]
        except _DAMAGE as error:
            raise ImageError(f"a picture that cannot be read ({_line(error)})") from None
        return check(decode(stored) if self.layouts[camera] == "jpeg" else stored)

    def faults(self, settings: Hdf5) -> dict[int, Fault]:
        """The frames that cannot be used, each with the first thing that it lacks.

        Raises:
            UserError: as `camera_names`.
        """
        cameras = self.camera_names(settings.cameras)
        numbers = {"state": self.state(settings.state), "action": self.action(settings.action)}
        found: dict[int, Fault] = {}
        for kind, array in numbers.items():
            for frame in np.flatnonzero(~np.isfinite(array).all(axis=1)).tolist():
                found.setdefault(frame, Fault(kind, f"a number of the {kind} is not finite"))
        for frame in range(self.frames):
            fault = found.get(frame) or self._lacking_image(cameras, frame)
            if fault is not None:
                found[frame] = fault
        return found

    def camera_names(self, chosen: Mapping[str, str]) -> dict[str, str]:
        """Cameras of the file and their names in the data set, by name.

        Args:
            chosen: camera -> name; empty calls all cameras, sorted, camera1, camera2, ...

        Raises:
            UserError: the file lacks a chosen camera, or two have the same name.
        """
        names = dict(chosen) or {camera: f"camera{i}" for i, camera in enumerate(self.layouts, 1)}
        missing = sorted(set(names) - set(self.layouts))
        if missing:
            raise UserError(
                f"{self.name} has no camera {', '.join(missing)}, only {', '.join(self.layouts)}:"
                " change dataset.hdf5.cameras or move the file away"
            )
        if len(set(names.values())) < len(names):
            raise UserError(
                f"dataset.hdf5.cameras is {names}, expected another name for each camera"
            )
        return dict(sorted(names.items(), key=lambda item: item[1]))

    def _lacking_image(self, cameras: Iterable[str], frame: int) -> Fault | None:
        for camera in cameras:
            try:
                self.image(camera, frame)
            except ImageError as error:
                return Fault("image", f"{camera} has {error}")
        return None

    def _series(self, key: str) -> NDArray[np.float32]:
        try:
            return np.asarray(self._file[key][:], np.float32)
        except _DAMAGE as error:
            raise UserError(
                f"{self.name}: {key} cannot be read ({_line(error)}): move the file away"
            ) from None

    def _length(self) -> int:
        for key in (IMAGES, QPOS, EE_POSE, ACTION):
            if key not in self._file:
                raise UserError(f"{self.name} has no {key}: it is no episode, move it away")
        frames = self._array(QPOS).shape[0] if self._array(QPOS).shape else 0
        for key in (QPOS, EE_POSE, ACTION):
            array = self._array(key)
            if array.shape != (frames, values.AXES) or array.dtype.kind != "f":
                raise UserError(
                    f"{self.name}: {key} is {array.dtype} {array.shape}, expected float32"
                    f" ({frames}, {values.AXES}): move the file away"
                )
        if frames < SHORTEST:
            raise UserError(
                f"{self.name} has {frames} frames, expected {SHORTEST} or more: move it away"
            )
        return frames

    def _layouts(self) -> dict[str, Layout]:
        group = self._file[IMAGES]
        cameras = sorted(group) if isinstance(group, h5py.Group) else []
        if not cameras:
            raise UserError(f"{self.name} has no camera in {IMAGES}: move it away")
        return {camera: self._layout(f"{IMAGES}/{camera}") for camera in cameras}

    def _layout(self, key: str) -> Layout:
        array = self._array(key)
        if array.shape == (self.frames,) and h5py.check_vlen_dtype(array.dtype) == np.uint8:
            return "jpeg"
        if (
            array.shape[:1] == (self.frames,)
            and array.shape[3:] == (3,)
            and min(array.shape) > 0
            and array.dtype == np.uint8
        ):
            return "raw"
        raise UserError(
            f"{self.name}: {key} is {array.dtype} {array.shape}, expected {self.frames} JPEGs or"
            f" uint8 ({self.frames}, H, W, 3): move the file away"
        )

    def _array(self, key: str) -> h5py.Dataset:
        array = self._file[key]
        if not isinstance(array, h5py.Dataset):
            raise UserError(f"{self.name}: {key} is a group, expected an array: move it away")
        return array


def _line(error: Exception) -> str:
    return " ".join(str(error).split())
