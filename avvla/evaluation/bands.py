"""Samples sorted by command, by speed at t0 and by the bend that was driven.

The bend of a sample is the mean curvature of the driven path, its heading's changes summed without
sign over its length, told as a radius [m]. Where less than STILL_M was driven it has none.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

SPEEDS_MPS = (3.0, 6.0, 9.0, 12.0)
RADII_M = (500.0, 100.0, 30.0)
STILL_M = 1.0
SPEEDS = (
    *(f"{low:g} to {high:g} m/s" for low, high in pairwise((0.0, *SPEEDS_MPS))),
    f"{SPEEDS_MPS[-1]:g} m/s and more",
)
BENDS = (
    f"radius over {RADII_M[0]:g} m",
    *(f"radius {low:g} to {high:g} m" for high, low in pairwise(RADII_M)),
    f"radius under {RADII_M[-1]:g} m",
    "standing",
)

Bands = dict[str, NDArray[np.bool_]]
"""Name of a band and (N,) which samples are in it; empty bands are left out."""


def by_command(command: Sequence[str]) -> Bands:
    """Each text's own samples."""
    given = np.array(command)
    return {str(text): given == text for text in np.unique(given)}


def by_speed(speed_mps: NDArray[np.floating]) -> Bands:
    """Between SPEEDS_MPS, the lower bound included."""
    return _bands(np.digitize(speed_mps, SPEEDS_MPS), SPEEDS)


def by_bend(trajectory: NDArray[np.floating]) -> Bands:
    """Between RADII_M, of driven paths (N, T, 3) x, y [m], yaw [rad] in frame `local`."""
    path = np.concatenate([np.zeros_like(trajectory[:, :1]), trajectory], 1).astype(np.float64)
    length = np.linalg.norm(np.diff(path[..., :2], axis=1), axis=-1).sum(1)
    turned = np.abs(np.diff(np.unwrap(path[..., 2], axis=1), axis=1)).sum(1)
    index = np.digitize(turned / np.maximum(length, STILL_M), [1 / radius for radius in RADII_M])
    index[length < STILL_M] = len(RADII_M) + 1
    return _bands(index, BENDS)


def _bands(index: NDArray[np.int64], names: Sequence[str]) -> Bands:
    chosen = {name: index == place for place, name in enumerate(names)}
    return {name: inside for name, inside in chosen.items() if inside.any()}
