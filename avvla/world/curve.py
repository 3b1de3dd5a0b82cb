"""Planar curves made of straights, arcs and clothoids, sampled at a fixed step of arc length.

Along a piece the curvature is linear in arc length, kappa(s) = k0 + (k1 - k0) s / L (k0 = k1 is an
arc, k0 = k1 = 0 a straight, else a clothoid). Yaw is its exact integral; the position is the
integral of (cos yaw, sin yaw) by the mid-point rule at STEP_M. Metres, radians, yaw
counter-clockwise.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

STEP_M = 0.5


@dataclass(frozen=True)
class Piece:
    """A stretch of `length` [m] whose curvature goes linearly from `start` to `end` [1/m]."""

    length: float
    start: float = 0.0
    end: float = 0.0


@dataclass(frozen=True)
class Curve:
    """Samples every STEP_M: xy (n, 2), yaw (n,) unwrapped, curvature (n,)."""

    xy: NDArray[np.float64]
    yaw: NDArray[np.float64]
    curvature: NDArray[np.float64]

    @property
    def length(self) -> float:
        """Arc length of the samples [m]."""
        return (len(self.yaw) - 1) * STEP_M

    def at(self, s: float) -> tuple[float, float, float, float]:
        """(x, y, yaw, curvature) at arc length s [m]; straight continuation beyond either end."""
        last = len(self.yaw) - 1
        position = s / STEP_M
        index = min(max(int(position), 0), last - 1)
        share = min(max(position - index, 0.0), 1.0)
        beyond = s - (index + share) * STEP_M
        x0, y0 = self.xy[index]
        x1, y1 = self.xy[index + 1]
        yaw = self.yaw[index] + share * (self.yaw[index + 1] - self.yaw[index])
        curvature = self.curvature[index] + share * (
            self.curvature[index + 1] - self.curvature[index]
        )
        return (
            float(x0 + share * (x1 - x0) + beyond * math.cos(yaw)),
            float(y0 + share * (y1 - y0) + beyond * math.sin(yaw)),
            float(yaw),
            float(curvature) if beyond == 0.0 else 0.0,
        )

    def pose(self, s: float, offset: float = 0.0) -> tuple[float, float, float]:
        """(x, y, yaw) at arc length s, `offset` metres to the left of the curve."""
        x, y, yaw, _ = self.at(s)
        return x - offset * math.sin(yaw), y + offset * math.cos(yaw), yaw

    def project(self, x: float, y: float, near: float | None = None) -> tuple[float, float]:
        """Arc length s and signed distance (left positive) of the curve's closest point [m].

        With `near`, only 20 m of arc length on either side of it are searched, so that a curve
        that crosses itself (a roundabout) keeps its branch.
        """
        low, high = 0, len(self.yaw)
        if near is not None:
            low = min(max(int((near - 20.0) / STEP_M), 0), len(self.yaw) - 2)
            high = min(max(int((near + 20.0) / STEP_M), low + 2), len(self.yaw))
        dx, dy = x - self.xy[low:high, 0], y - self.xy[low:high, 1]
        index = low + int(np.argmin(dx * dx + dy * dy))
        yaw = float(self.yaw[index])
        dx0, dy0 = x - float(self.xy[index, 0]), y - float(self.xy[index, 1])
        along = dx0 * math.cos(yaw) + dy0 * math.sin(yaw)
        inside = (index > 0 or along > 0) and (index < len(self.yaw) - 1 or along < 0)
        if inside:
            along = min(max(along, -STEP_M), STEP_M)
        s = index * STEP_M + along
        cx, cy, cyaw, _ = self.at(s)
        return s, -(x - cx) * math.sin(cyaw) + (y - cy) * math.cos(cyaw)

    def offset_line(self, offset: float | NDArray[np.float64]) -> NDArray[np.float64]:
        """Points (n, 2) of the line `offset` metres to the left, one or (n, 1) of the samples."""
        normal = np.stack([-np.sin(self.yaw), np.cos(self.yaw)], axis=-1)
        return self.xy + offset * normal

    def sharpest(self, s: float, ahead: float) -> float:
        """Largest absolute curvature [1/m] between s and s + ahead."""
        low = min(max(int(s / STEP_M), 0), len(self.curvature) - 1)
        high = max(int((s + ahead) / STEP_M) + 1, low + 1)
        return float(np.abs(self.curvature[low:high]).max())


def trace(pieces: list[Piece], x: float = 0.0, y: float = 0.0, yaw: float = 0.0) -> Curve:
    """The curve that starts at (x, y, yaw) and runs through the pieces in order."""
    length = np.array([piece.length for piece in pieces])
    start = np.array([piece.start for piece in pieces])
    slope = (np.array([piece.end for piece in pieces]) - start) / length
    begin = np.concatenate([[0.0], np.cumsum(length)])
    turned = np.concatenate([[0.0], np.cumsum(length * (start + slope * length / 2))])

    def bend(s: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        index = np.minimum(np.searchsorted(begin, s, side="right") - 1, len(pieces) - 1)
        inner = np.minimum(s - begin[index], length[index])
        heading = turned[index] + inner * (start[index] + slope[index] * inner / 2)
        return yaw + heading, start[index] + slope[index] * inner

    count = max(round(float(begin[-1]) / STEP_M), 1) + 1
    knots = np.arange(count, dtype=np.float64)
    heading, curvature = bend(knots * STEP_M)
    middle, _ = bend((knots[:-1] + 0.5) * STEP_M)
    steps = np.stack([np.cos(middle), np.sin(middle)], axis=-1) * STEP_M
    xy = np.array([x, y]) + np.concatenate([[[0.0, 0.0]], np.cumsum(steps, axis=0)])
    return Curve(xy, heading, curvature)


def arc(radius: float, angle: float, ease: float) -> list[Piece]:
    """A bend through `angle` [rad] (left positive) with a clothoid of `ease` [m] at either end.

    The two clothoids turn ease / radius together, so the arc between them is shortened by it.
    """
    curvature = math.copysign(1.0 / radius, angle)
    straight_arc = max(abs(angle) * radius - ease, STEP_M)
    return [
        Piece(ease, 0.0, curvature),
        Piece(straight_arc, curvature, curvature),
        Piece(ease, curvature, 0.0),
    ]
