"""The mp4 of a clip: H.264 that comes out the same for the same frames.

Constant frame rate, presentation times from 0 and no B-frames: the official reader finds frame i
at the time i / rate. One second of video is one group of pictures.
"""

from __future__ import annotations

import io
from fractions import Fraction

import av
import numpy as np
from av.codec.context import Flags
from numpy.typing import NDArray

# A constant quantiser instead of `crf`: x264's rate control works in floating point, whose last
# bits depend on the processor. 18 keeps lane markings one pixel wide.
_ENCODER = {"preset": "veryfast", "qp": "18", "bf": "0"}
_LARGEST_DENOMINATOR = 1001  # of a rate: 30000/1001 is the finest in use


def encode(frames: NDArray[np.uint8], period_us: float) -> bytes:
    """An mp4 of frames (F, H, W, 3), RGB, shown for `period_us` [microseconds] each.

    H and W must be even: colour is stored at half the resolution (4:2:0).
    """
    rate = Fraction(1_000_000 / period_us).limit_denominator(_LARGEST_DENOMINATOR)
    height, width = frames.shape[1:3]
    target = io.BytesIO()
    # `bitexact` leaves out the time of creation and the name of the library.
    with av.open(target, mode="w", format="mp4", container_options={"fflags": "+bitexact"}) as file:
        stream = file.add_stream("libx264", rate=rate, options=_ENCODER)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.gop_size = max(1, round(rate))
        stream.thread_count = 1
        stream.codec_context.flags |= Flags.bitexact
        stream.codec_context.time_base = 1 / rate
        for index, image in enumerate(frames):
            picture = av.VideoFrame.from_ndarray(image, format="rgb24")
            picture.pts, picture.time_base = index, 1 / rate
            file.mux(stream.encode(picture))
        file.mux(stream.encode(None))
    return target.getvalue()
