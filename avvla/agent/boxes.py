"""Rectangles in the plane: their corners, and whether they overlap."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def corners(box: Array) -> Array:
    """(..., 4, 2) of boxes (..., 5): x, y of the middle, yaw, length, width."""
    x, y, yaw, length, width = (box[..., i, None] for i in range(5))
    along = np.array([0.5, 0.5, -0.5, -0.5]) * length
    across = np.array([0.5, -0.5, -0.5, 0.5]) * width
    cos, sin = np.cos(yaw), np.sin(yaw)
    return np.stack([x + cos * along - sin * across, y + sin * along + cos * across], -1)


def overlap(one: Array, other: Array) -> NDArray[np.bool_]:
    """(...,) whether two boxes (..., 5) share area, by the separating axis theorem.

    Two rectangles are apart just where they are along one of their own four axes.
    """
    one, other = np.broadcast_arrays(one, other)
    way = other[..., :2] - one[..., :2]
    apart = np.zeros(one.shape[:-1], np.bool_)
    turn = other[..., 2] - one[..., 2]
    cos, sin = np.abs(np.cos(turn)), np.abs(np.sin(turn))
    for this, that in ((one, other), (other, one)):
        ahead = np.stack([np.cos(this[..., 2]), np.sin(this[..., 2])], -1)
        along = np.abs((way * ahead).sum(-1))
        across = np.abs(way[..., 1] * ahead[..., 0] - way[..., 0] * ahead[..., 1])
        length, width = that[..., 3], that[..., 4]
        # Not `>=`: a box with NaN overlaps nothing.
        apart |= ~(along < (this[..., 3] + length * cos + width * sin) / 2)
        apart |= ~(across < (this[..., 4] + length * sin + width * cos) / 2)
    return ~apart
