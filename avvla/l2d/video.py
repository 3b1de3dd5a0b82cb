"""Single frames of a long mp4 in which episodes follow each other."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from avvla.errors import UserError
from avvla.l2d.metadata import UNREADABLE, unreadable

NEAR_S = 2.0
"""From one frame to the next, up to this far ahead, every frame is decoded, else a seek begins."""


def decode(
    path: Path, time_s: NDArray[np.float64], fps: int, shape: tuple[int, int]
) -> NDArray[np.uint8]:
    """The frames (K, H, W, 3) RGB of a video at rising times (K,) [s]; `shape` is (H, W).

    Only what lies between the frames and the key frames before them is decoded.

    Raises:
        UserError: the file is missing or damaged, its images have another shape, or it has no
            frame at one of the times.
    """
    images = np.empty((len(time_s), *shape, 3), np.uint8)
    wanted = list(enumerate(time_s.tolist()))[::-1]
    try:
        with av.open(path) as video:
            stream = video.streams.video[0]
            while wanted:
                left = len(wanted)
                video.seek(max(0, round(wanted[-1][1] / stream.time_base)), stream=stream)
                for frame in video.decode(stream):
                    while wanted and abs(frame.time - wanted[-1][1]) * fps < 0.5:
                        row, _ = wanted.pop()
                        images[row] = _pixels(frame, path, shape)
                    ahead_s = wanted[-1][1] - frame.time if wanted else 0.0
                    passed = ahead_s * fps <= -0.5
                    # Before the first one the way leads from a key frame, however far it is.
                    if not wanted or passed or (len(wanted) < left and ahead_s > NEAR_S):
                        break
                if len(wanted) == left:
                    break
    except (av.FFmpegError, *UNREADABLE) as error:
        raise unreadable(path, error) from error
    if wanted:
        raise UserError(
            f"{path} has no frame at {wanted[-1][1]:.3f} s: check it with `avvla data verify`"
        )
    return images


def _pixels(frame: av.VideoFrame, path: Path, shape: tuple[int, int]) -> NDArray[np.uint8]:
    if (frame.height, frame.width) != shape:
        raise UserError(
            f"{path} has images of {frame.width} x {frame.height} px, info.json tells"
            f" {shape[1]} x {shape[0]}: check it with `avvla data verify`"
        )
    return np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)
