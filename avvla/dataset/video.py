"""The mp4 of a shard: the frames of all episodes in one pass of the encoder.

Frame i is shown at i / fps. Each episode begins with a key frame, and the frames decode to what
they would if each episode had been encoded by itself.
"""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import av
import numpy as np
from av.video.frame import PictureType
from lerobot.configs import RGBEncoderConfig
from numpy.typing import NDArray

from avvla.dataset.pixel_stats import PixelStats


def encoder() -> RGBEncoderConfig:
    """The encoder's settings, which info.json records."""
    # A constant quantiser, as in the raw video: x264's rate control works in floating point, whose
    # last bits depend on the processor. Every second frame is a key frame, so that no frame is more
    # than one away from a seek.
    return RGBEncoderConfig(
        vcodec="h264", preset="veryfast", g=2, crf=None, extra_options={"qp": "14", "bf": "0"}
    )


class Video:
    """An open mp4 of frames (H, W, 3); a context manager, without which the file is not whole."""

    def __init__(self, path: Path, fps: int, shape: tuple[int, int, int]) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        settings = encoder()
        av.logging.set_libav_level(av.logging.ERROR)  # x264 tells the terminal about each file
        # The index at the front, as in LeRobot's files; `bitexact` leaves out the library's name.
        options = {"movflags": "faststart", "fflags": "+bitexact"}
        self._file = av.open(str(path), "w", options=options)
        self._stream = self._file.add_stream(
            settings.vcodec, fps, options=settings.get_codec_options(1, as_strings=True)
        )
        self._stream.pix_fmt = settings.pix_fmt
        self._stream.height, self._stream.width = shape[:2]
        self._period = self._stream.time_base = Fraction(1, fps)
        self._shape = shape
        self.frames = 0
        """How many frames it has."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None:
            self._file.mux(self._stream.encode())
        self._file.close()

    def add_episode(self, images: Iterable[NDArray[np.uint8]]) -> dict[str, NDArray[Any]]:
        """Append the frames of an episode; only one is held at a time.

        Returns: LeRobot's statistics of the images.

        Raises:
            ValueError: an image is not 8-bit or not of the video's shape.
        """
        stats, first = PixelStats(channels=3), self.frames
        for image in images:
            if image.shape != self._shape or image.dtype != np.uint8:
                raise ValueError(f"got {image.dtype} {image.shape}, expected uint8 {self._shape}")
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
            frame.pts, frame.time_base = self.frames, self._period
            if self.frames == first:
                frame.pict_type = PictureType.I
            self._file.mux(self._stream.encode(frame))
            stats.add(image)
            self.frames += 1
        return stats.statistics()
