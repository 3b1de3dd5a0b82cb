"""Rigid poses as rows (x, y, z [m], qw, qx, qy, qz), unit quaternions, and plans in them.

A plan is planar: rows (x, y [m], yaw [rad]) in the rig. In `local` it lies in the plane of the rig.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def product(one: Array, other: Array) -> Array:
    """(..., 4) quaternions: the turn `other`, seen from a frame that is turned by `one`."""
    a, b = np.moveaxis(one, -1, 0), np.moveaxis(other, -1, 0)
    return np.stack(
        [
            a[0] * b[0] - a[1] * b[1] - a[2] * b[2] - a[3] * b[3],
            a[0] * b[1] + a[1] * b[0] + a[2] * b[3] - a[3] * b[2],
            a[0] * b[2] - a[1] * b[3] + a[2] * b[0] + a[3] * b[1],
            a[0] * b[3] + a[1] * b[2] - a[2] * b[1] + a[3] * b[0],
        ],
        -1,
    )


def turned(quaternion: Array, points: Array) -> Array:
    """(..., 3) points (..., 3) turned by unit quaternions (..., 4)."""
    axis = quaternion[..., 1:]
    across = 2 * np.cross(axis, points)
    result: Array = points + quaternion[..., :1] * across + np.cross(axis, across)
    return result


def composed(outer: Array, inner: Array) -> Array:
    """(..., 7) poses `inner` (..., 7), which are seen from `outer` (..., 7), in its frame."""
    place = outer[..., :3] + turned(outer[..., 3:], inner[..., :3])
    turn = product(outer[..., 3:], inner[..., 3:])
    return np.concatenate([place, np.broadcast_to(turn, (*place.shape[:-1], 4))], -1)


def inverse(pose: Array) -> Array:
    """(..., 7) the way back."""
    back = pose[..., 3:] * np.array([1.0, -1.0, -1.0, -1.0])
    return np.concatenate([-turned(back, pose[..., :3]), back], -1)


def yaw_of(pose: Array) -> Array:
    """(...,) heading of the x axis in the ground plane [rad]."""
    w, x, y, z = np.moveaxis(pose[..., 3:], -1, 0)
    heading: Array = np.arctan2(2 * (w * z + x * y), 1 - 2 * (y * y + z * z))
    return heading


def raised(path: Array) -> Array:
    """(..., 7) poses of a planar path (..., 3)."""
    half = path[..., 2] / 2
    none = np.zeros_like(half)
    return np.stack([path[..., 0], path[..., 1], none, np.cos(half), none, none, np.sin(half)], -1)


def flat(poses: Array) -> Array:
    """(..., 3) x, y, yaw of poses (..., 7)."""
    return np.concatenate([poses[..., :2], yaw_of(poses)[..., None]], -1)


def between(one: Array, other: Array, share: Array) -> Array:
    """(..., 7) poses at `share` (...,) of the way from one to the other; beyond it outside 0..1.

    Turns are interpolated along the chord: poses of a vehicle that follow each other differ little.
    """
    near = np.where((one[..., 3:] * other[..., 3:]).sum(-1) < 0, -1.0, 1.0)
    aim = np.concatenate([other[..., :3], near[..., None] * other[..., 3:]], -1)
    mixed = one + share[..., None] * (aim - one)
    mixed[..., 3:] /= np.linalg.norm(mixed[..., 3:], axis=-1, keepdims=True)
    result: Array = mixed
    return result
