"""Pictures of an episode: JPEG bytes or a raw array in the file, RGB and square in the data set."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

_BEGIN, _END = b"\xff\xd8", b"\xff\xd9"  # first and last marker of a JPEG (ITU-T T.81, table B.1)


class ImageError(Exception):
    """A frame has no picture; the text says what it has instead."""


def decode(jpeg: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The picture (H, W, 3), RGB, of the bytes (n,) of a JPEG.

    Raises:
        ImageError: the bytes are no whole JPEG. A decoder would fill the missing part with grey.
    """
    content = jpeg.tobytes()
    if len(content) == 1:
        raise ImageError("a single byte in place of a JPEG, as when encoding it failed")
    if not (content.startswith(_BEGIN) and content.endswith(_END)):
        raise ImageError(f"{len(content)} bytes that are no whole JPEG")
    picture = cv2.imdecode(jpeg, cv2.IMREAD_COLOR)
    if picture is None:
        raise ImageError(f"{len(content)} bytes that cannot be decoded as a JPEG")
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), np.uint8)


def check(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The picture itself, if it shows anything.

    Raises:
        ImageError: all of it is black: the fill value of an array that was never written.
    """
    if not picture.any():
        raise ImageError("a picture that is all black, as of a frame that was never written")
    return picture


def square(picture: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """A picture (H, W, 3) scaled to (size, size, 3), its aspect kept, black at the left or the top.

    That is where LeRobot's SmolVLA pads what it is given, so a trained policy sees raw pictures of
    the same cameras as it saw these.
    """
    height, width = picture.shape[:2]
    scale = size / max(height, width)
    inner = (max(1, round(width * scale)), max(1, round(height * scale)))
    quality = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    whole = np.zeros((size, size, 3), np.uint8)
    whole[size - inner[1] :, size - inner[0] :] = cv2.resize(picture, inner, interpolation=quality)
    return whole
