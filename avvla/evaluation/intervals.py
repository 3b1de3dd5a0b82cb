"""95 % intervals: of shares (Wilson) and of means over samples that clips share (bootstrap).

Wilson's (1927) of a share p of n trials, with z = 1.96:
    (p + z^2 / 2n +- z sqrt(p (1 - p) / n + z^2 / 4n^2)) / (1 + z^2 / n)
Samples of one clip resemble each other, so the bootstrap draws whole clips (Davison and Hinkley
1997, section 3.8): the 2.5th and 97.5th percentile of the mean over DRAWS draws.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Z = 1.96
DRAWS = 1000
TAILS = (2.5, 97.5)
SEED = 0


def wilson(share: float, count: int) -> tuple[float, float]:
    """The 95 % interval of a share of `count` trials."""
    middle = share + Z**2 / (2 * count)
    half = Z * math.sqrt(share * (1 - share) / count + Z**2 / (4 * count**2))
    scale = 1 + Z**2 / count
    return max((middle - half) / scale, 0.0), min((middle + half) / scale, 1.0)


def bootstrap(values: NDArray[np.float64], cluster: Sequence[str]) -> NDArray[np.float64]:
    """The 95 % intervals of means over samples; the same samples give the same intervals.

    Args:
        values: (N, M) M figures of N samples.
        cluster: N names, samples of one being drawn together.

    Returns:
        (2, M) low and high.
    """
    _, index = np.unique(np.array(cluster), return_inverse=True)
    clusters = int(index.max()) + 1
    sums = np.zeros((clusters, values.shape[1]))
    np.add.at(sums, index, values)
    sizes = np.bincount(index).astype(float)
    draw = np.random.default_rng(SEED)
    times = draw.multinomial(clusters, np.full(clusters, 1 / clusters), size=DRAWS).astype(float)
    means = (times @ sums) / (times @ sizes)[:, None]
    return np.asarray(np.percentile(means, TAILS, axis=0), np.float64)
