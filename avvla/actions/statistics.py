"""Statistics of action labels for normalisation, beside the constants released with Alpamayo-R1.

They are gathered part by part and merged: count, mean and sum of squares about it (Chan, Golub,
LeVeque 1983), and counts in equal bins between the bounds of an action, which give quantiles to
0.001 m/s^2 and 0.00004 1/m without all the labels in memory.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from avvla.actions.validity import BOUNDS

CHANNELS = ("acceleration", "curvature")
# config.json of nvidia/Alpamayo-R1-10B: mean and standard deviation [m/s^2], [1/m].
RELEASED = {
    "acceleration": (0.02902694707164455, 0.6810426736454882),
    "curvature": (0.0002692167976330542, 0.026148280660833106),
}
# Standard deviations further apart than this factor are wild: a model that was trained with the
# released constants would see actions of another size.
WILD = 2.0
BINS = 20_000
PERCENTILES = (0.1, 1, 5, 25, 50, 75, 95, 99, 99.9)


@dataclass(frozen=True, eq=False)
class Statistics:
    """Of `count` steps; each array has a row for acceleration [m/s^2] and one for curvature [1/m].

    Shapes: mean (2,), squares (2,) sum of squared deviations, counts (2, BINS) int64.
    """

    count: int
    mean: NDArray[np.float64]
    squares: NDArray[np.float64]
    counts: NDArray[np.int64]


def gather(action: NDArray[np.float64]) -> Statistics:
    """Statistics of actions (..., 2) within the bounds."""
    steps = action.reshape(-1, 2)
    place = ((steps / BOUNDS + 1) * (BINS / 2)).astype(np.int64).clip(0, BINS - 1)
    counts = np.stack([np.bincount(column, minlength=BINS) for column in place.T])
    if not len(steps):
        return Statistics(0, np.zeros(2), np.zeros(2), counts)
    mean = steps.mean(0)
    return Statistics(len(steps), mean, np.square(steps - mean).sum(0), counts)


def merge(parts: Iterable[Statistics]) -> Statistics:
    """Statistics of all the steps of `parts`."""
    whole = gather(np.zeros((0, 2)))
    for part in parts:
        count = whole.count + part.count
        share = part.count / max(count, 1)
        apart = part.mean - whole.mean
        squares = whole.squares + part.squares + apart**2 * (whole.count * share)
        counts = whole.counts + part.counts
        whole = Statistics(count, whole.mean + share * apart, squares, counts)
    return whole


def describe(statistics: Statistics) -> dict[str, object]:
    """Per channel mean, std, percentiles, the released constants and the ratio of the stds.

    `wild` names the channels whose ratio is above WILD or below 1 / WILD; without a label there
    are no statistics, and the dictionary is empty.
    """
    if not statistics.count:
        return {}
    found: dict[str, object] = {}
    wild = []
    for channel, name in enumerate(CHANNELS):
        std = float(np.sqrt(statistics.squares[channel] / statistics.count))
        released_mean, released_std = RELEASED[name]
        ratio = std / released_std
        if not 1 / WILD <= ratio <= WILD:
            wild.append(name)
        found[name] = {
            "mean": float(statistics.mean[channel]),
            "std": std,
            "released_mean": released_mean,
            "released_std": released_std,
            "std_ratio": ratio,
            **{f"p{p:g}": _percentile(statistics, channel, p) for p in PERCENTILES},
        }
    return {**found, "wild": wild}


def _percentile(statistics: Statistics, channel: int, percent: float) -> float:
    """Middle of the bin in which the count passes `percent` of the steps."""
    passed = np.cumsum(statistics.counts[channel])
    place = int(np.searchsorted(passed, percent / 100 * statistics.count))
    return float(((place + 0.5) * (2 / BINS) - 1) * BOUNDS[channel])
