"""The bytes of a camera's frame, JPEG or PNG, as pixels."""

from __future__ import annotations

import io

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from avvla.driver.refusal import invalid

FORMATS = ("JPEG", "PNG")
MOST_PX, LONGEST_PX = 1 << 24, 1 << 14
"""Of a frame (4K has half of it) and of a side: a small file can say that it holds a huge one."""
_BOMBS = (Image.DecompressionBombError, Image.DecompressionBombWarning)
_AS_IT_IS = cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION


def decoded(data: bytes) -> NDArray[np.uint8]:
    """(H, W, 3) RGB.

    Raises:
        RefusalError: no JPEG or PNG, cut off, damaged or too large.
    """
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as header:
            width, height = header.size
    except (OSError, ValueError, SyntaxError, *_BOMBS):
        raise invalid(f"an image of {len(data)} bytes is no JPEG or PNG that fits here") from None
    if width * height > MOST_PX or max(width, height) > LONGEST_PX:
        raise invalid(
            f"an image has {width}x{height} pixels, expected at most {MOST_PX} and {LONGEST_PX} a"
            " side"
        )
    try:
        # The same pixels as PIL's, in two thirds of the time.
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), _AS_IT_IS)
    except cv2.error:
        pixels = None
    if pixels is None:
        raise invalid(f"an image of {len(data)} bytes is cut off or damaged")
    return np.asarray(pixels, np.uint8)
