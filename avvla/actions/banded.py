"""Least squares with a smoothness penalty for many series at once, as banded linear systems.

A symmetric matrix is kept as its lower bands, LAPACK's form: band k, entry j is A[j + k, j], and
the last k entries of band k are 0. Bands (w + 1, n) are one matrix for all N series, which LAPACK
factorises once; bands (w + 1, N, n) are one matrix for each, eliminated unknown by unknown for all
series at once, which for so narrow bands is faster than LAPACK.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solveh_banded

FloatArray = NDArray[np.float64]


def regulariser(n: int, order: int, weights: tuple[float, float], dt_s: float) -> FloatArray:
    """Bands (order + 1, n) of lambda / dt^(2 order) D'D + ridge I, D the order-th difference.

    Args:
        n: number of unknowns.
        order: order of the difference.
        weights: (lambda, ridge).
        dt_s: time between unknowns [s].
    """
    smooth, ridge = weights
    difference = np.diff(np.eye(n), n=order, axis=0)
    dense = smooth / dt_s ** (2 * order) * difference.T @ difference + ridge * np.eye(n)
    return np.stack([np.pad(np.diag(dense, -k), (0, k)) for k in range(order + 1)])


def solve(bands: FloatArray, right: FloatArray) -> FloatArray:
    """(N, n) solutions of N positive definite systems with right-hand sides `right` (N, n).

    Args:
        bands: (w + 1, n) or (w + 1, N, n) lower bands.
        right: (N, n) right-hand sides.
    """
    if right.size == 0:
        return np.zeros_like(right)
    if bands.ndim == 2:
        return np.ascontiguousarray(solveh_banded(bands, right.T, lower=True).T)
    return _eliminate(bands.transpose(0, 2, 1).copy(), right.T.copy())


def _eliminate(bands: FloatArray, z: FloatArray) -> FloatArray:
    """As `solve`, for bands (w + 1, n, N) and `z` (n, N), which are overwritten: L D L' z = z."""
    width, n = len(bands) - 1, len(z)
    for j in range(n):
        below = bands[1 : n - j, j]
        factor = below / bands[0, j]
        for k in range(len(below)):
            bands[: width - k, j + 1 + k] -= factor[k] * bands[1 + k :, j]
        z[j + 1 : j + 1 + len(below)] -= factor * z[j]
        below[:] = factor
    z /= bands[0]
    for j in reversed(range(n - 1)):
        factor = bands[1 : n - j, j]
        z[j] -= (factor * z[j + 1 : j + 1 + len(factor)]).sum(0)
    return np.ascontiguousarray(z.T)


def solve_pinned(bands: FloatArray, right: FloatArray, first: FloatArray) -> FloatArray:
    """As `solve`, with the first unknown fixed to `first` (N,): its column moves to the right."""
    rest = right[:, 1:].copy()
    for k in range(1, len(bands)):
        rest[:, k - 1] -= bands[k, ..., 0] * first
    return np.concatenate([first[:, None], solve(bands[..., 1:], rest)], -1)
