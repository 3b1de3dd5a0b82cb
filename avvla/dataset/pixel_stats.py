"""Statistics of an episode's pixels, as LeRobot defines them, from counts of the 256 values.

With n_v pixels of value v, N = sum n_v in all:

    mean = sum n_v v / N,    std^2 = sum n_v (v - mean)^2 / N,
    quantile q: the least v with n_0 + ... + n_v >= q N

LeRobot sorts all pixels of each frame into 5000 bins between the least and the greatest value so
far, and sums in float32. Its mean and deviation are these up to rounding, its quantiles up to the
width of the bins that it has moved their pixels through.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from lerobot.datasets import DEFAULT_QUANTILES
from lerobot.datasets.compute_stats import auto_downsample_height_width
from numpy.typing import NDArray

_LEVELS = np.arange(256)


class PixelStats:
    """Running statistics of 8-bit images of `channels` channels."""

    def __init__(self, channels: int) -> None:
        self._counts = np.zeros((channels, len(_LEVELS)), np.int64)

    def add(self, image: NDArray[np.uint8]) -> None:
        """Count the pixels of an image (H, W, C); large ones are thinned as LeRobot does."""
        for counts, channel in zip(
            self._counts, auto_downsample_height_width(image.transpose(2, 0, 1)), strict=True
        ):
            counts += np.bincount(channel.ravel(), minlength=len(_LEVELS))

    def statistics(self) -> dict[str, NDArray[Any]]:
        """LeRobot's statistics: `count` (1,) of pixels, all others (C, 1, 1) from 0 to 1."""
        total = int(self._counts[0].sum())
        mean = self._counts @ _LEVELS / total
        variance = (self._counts * (_LEVELS - mean[:, None]) ** 2).sum(-1) / total
        seen, up_to = self._counts > 0, self._counts.cumsum(-1)
        levels = {
            "min": seen.argmax(-1),
            "max": _LEVELS[-1] - seen[:, ::-1].argmax(-1),
            "mean": mean,
            "std": np.sqrt(variance),
        }
        quantiles = {
            f"q{round(100 * share):02d}": (up_to >= share * total).argmax(-1)
            for share in DEFAULT_QUANTILES
        }
        return {**_scaled(levels), "count": np.array([total]), **_scaled(quantiles)}


def _scaled(levels: dict[str, NDArray[Any]]) -> dict[str, NDArray[np.float64]]:
    return {name: value[:, None, None] / _LEVELS[-1] for name, value in levels.items()}
