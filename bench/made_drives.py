"""Made drives that stand in for recorded ones: noise, side slip, turns, stops, standstill.

Positions are integrated at 5 ms with a side slip that grows with the lateral acceleration, and get
the noise of a positioning system: white, and correlated over a second. Its size is such that the
reference's fits of these windows leave the errors and the jerk that they leave on the recorded
windows for which figures are published: sequential 0.10 m (recorded 0.115 m), joint refit 0.013 m
(0.0132 m).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

STEP_S = 0.005
SUBSTEPS = 20
SAMPLES = 80
WHITE_M = 0.0045
CORRELATED_M = 0.018
SLIP_RAD = 0.018
"""Side slip at 2.5 m/s^2 of lateral acceleration."""
WARM_UP = 60


def made_windows(n: int, seed: int = 9) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Xy (n, 80, 2) [m], yaw (n, 80) [rad] and speed (n, 80) [m/s] by central differences."""
    rng = np.random.default_rng(seed)
    t = np.arange(SAMPLES * SUBSTEPS) * STEP_S
    v0 = rng.uniform(2, 15, n)
    v0[rng.random(n) < 0.06] = 25.0
    a, k = _waves(rng, t, n, 0.35, 0.25), _waves(rng, t, n, 0.004, 0.25)
    k *= np.minimum(1, 10 / v0)[:, None]
    turning, stopping, standing = (rng.random(n) < share for share in (0.25, 0.1, 0.05))
    v0[turning] = rng.uniform(3, 7, turning.sum())
    begin, half = rng.uniform(1, 7, (n, 1)), rng.uniform(0.8, 1.5, (n, 1))
    radius = rng.uniform(5, 20, (n, 1)) * rng.choice([-1, 1], (n, 1))
    bend = (np.tanh((t - begin + half) / 0.5) - np.tanh((t - begin - half) / 0.5)) / 2
    k += turning[:, None] * bend / radius
    a -= stopping[:, None] * 1.1 * (1 + np.tanh((t - begin) / 0.3))
    v0[standing], a[standing] = 0, 0
    v = np.empty_like(a)
    v[:, 0] = v0
    for i in range(len(t) - 1):
        v[:, i + 1] = np.maximum(v[:, i] + a[:, i] * STEP_S, 0)
    yaw = np.cumsum(k * v, -1) * STEP_S
    course = yaw + SLIP_RAD / 2.5 * k * v**2 + rng.normal(0, 0.002, (n, 1))
    velocity = v[..., None] * np.stack([np.cos(course), np.sin(course)], -1)
    xy = (np.cumsum(velocity, 1) * STEP_S)[:, ::SUBSTEPS]
    yaw, v = yaw[:, ::SUBSTEPS], v[:, ::SUBSTEPS]
    noise = np.stack([_correlated(rng, n, 1.0) * CORRELATED_M for _ in range(2)], -1)
    noise += rng.normal(0, WHITE_M, noise.shape)
    xy = xy + noise * np.minimum(1, v / 3)[..., None]
    yaw = yaw + _correlated(rng, n, 0.5) * 0.001
    ahead = np.stack([np.cos(yaw), np.sin(yaw)], -1)
    return xy, yaw, (np.gradient(xy, 0.1, axis=1) * ahead).sum(-1)


def _waves(
    rng: np.random.Generator, t: FloatArray, n: int, size: float, highest_hz: float
) -> FloatArray:
    """(n, len(t)) sums of four sines."""
    waves = np.zeros((n, len(t)))
    for _ in range(4):
        frequency, phase = rng.uniform(0.02, highest_hz, (n, 1)), rng.uniform(0, 6.3, (n, 1))
        waves += rng.normal(0, size, (n, 1)) * np.sin(2 * np.pi * frequency * t + phase)
    return waves


def _correlated(rng: np.random.Generator, n: int, time_s: float) -> FloatArray:
    """(n, 80) noise of variance 1 whose correlation falls to 1/e in `time_s`."""
    keep = np.exp(-0.1 / time_s)
    steps = rng.normal(size=(n, SAMPLES + WARM_UP)) * np.sqrt(1 - keep**2)
    for i in range(1, steps.shape[1]):
        steps[:, i] += keep * steps[:, i - 1]
    return steps[:, WARM_UP:]
