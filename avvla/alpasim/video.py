"""The mp4 of a camera's images, which are JPEG or PNG in a log: one picture is held at a time."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import av
import cv2
import numpy as np
from av.codec.context import Flags
from numpy.typing import NDArray
from tqdm import tqdm

from avvla.errors import UserError

if TYPE_CHECKING:
    from avvla.alpasim.export import Frame

_MICROSECOND = Fraction(1, 1_000_000)
_ENCODER = {"preset": "veryfast", "qp": "20", "bf": "0"}  # a constant quantiser: the same bytes


def write_video(file: BinaryIO, frames: Sequence[Frame], folder: Path, name: str) -> None:
    """Write NAME.mp4 of the frames, which are in order of time; the first is shown at 0.

    Raises:
        UserError: an image cannot be decoded, or is of another size than the first.
    """
    first = _image(file, frames[0], name)
    height, width = first.shape[:2]
    options = {"movflags": "faststart", "fflags": "+bitexact"}
    with av.open(str(folder / f"{name}.mp4"), "w", container_options=options) as video:
        stream = video.add_stream("libx264", rate=_rate(frames), options=_ENCODER)
        # Colour is stored at half the resolution, so an odd line or column is left out.
        stream.width, stream.height, stream.pix_fmt = width // 2 * 2, height // 2 * 2, "yuv420p"
        stream.thread_count = 1
        stream.codec_context.flags |= Flags.bitexact
        stream.codec_context.time_base = stream.time_base = _MICROSECOND
        last_us = -1
        for frame in tqdm(frames, desc=name, unit="frame", leave=False, disable=None):
            image = _image(file, frame, name)
            if image.shape != first.shape:
                raise UserError(
                    f"{name}: the image at {frame.end_us} us is {image.shape[1]}x{image.shape[0]},"
                    f" expected {width}x{height} as the first: export without --video"
                )
            if (time_us := frame.end_us - frames[0].end_us) <= last_us:
                continue  # sent twice
            last_us = time_us
            even = np.ascontiguousarray(image[: stream.height, : stream.width])
            picture = av.VideoFrame.from_ndarray(even, format="bgr24")
            picture.pts, picture.time_base = time_us, _MICROSECOND
            video.mux(stream.encode(picture))
        video.mux(stream.encode(None))


def _image(file: BinaryIO, frame: Frame, name: str) -> NDArray[np.uint8]:
    file.seek(frame.offset)
    content = np.frombuffer(file.read(frame.bytes), np.uint8)
    image = cv2.imdecode(content, cv2.IMREAD_COLOR) if len(content) else None
    if image is None or min(image.shape[:2]) < 2:
        raise UserError(
            f"{name}: the image at {frame.end_us} us ({frame.bytes} bytes) cannot be decoded,"
            " expected JPEG or PNG: export without --video"
        )
    return np.asarray(image, np.uint8)


def _rate(frames: Sequence[Frame]) -> Fraction:
    """Frames per second, by the median interval; 10 where there is one frame."""
    gaps = np.diff([frame.end_us for frame in frames])
    gaps = gaps[gaps > 0]
    if not len(gaps):
        return Fraction(10)
    return Fraction(1_000_000, int(np.median(gaps))).limit_denominator(1001)
