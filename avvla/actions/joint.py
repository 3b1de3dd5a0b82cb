"""The joint fit: initial speed, accelerations and curvatures at once, through their own rollout.

With p, yaw the rollout of (v0, a, k) and p*, yaw*, v* the recorded path and its speed at t0:

    minimise    sum |p[i] - p*[i]|^2  +  w_yaw sum (yaw[i] - yaw*[i])^2  +  w_v0 (v0 - v*)^2
              + n (  w_a sum rho(a[i] - a[i-1])  +  w_k sum (k[i] - k[i-1])^2
                   + r_a sum a[i]^2  +  r_k sum k[i]^2  )
    subject to  |a| <= 9.8 m/s^2,  |k| <= 0.33 1/m,  and no turn in a step that begins or ends
                slower than 0.6 m/s (NVlabs/alpamayo#114)

What is penalised is jerk. rho(d) = c^2 log(1 + (d / c)^2), the negative logarithm of Cauchy's
distribution, is d^2 for small changes and hardly grows for large ones: noise is smoothed, and the
onset of braking, one large change, keeps its edge. n is 1 for recorded driving and less for a path
whose positions have hardly any noise, which leaves nothing to smooth. Positions inform the heading
too, so a reference point that slips sideways does not make the label drift.

Each iteration is a Gauss-Newton step (`avvla.actions.riccati`) with rho majorised by a parabola
and the result projected on the bounds. A window whose cost would rise stays where it is and is
damped more (Levenberg, Marquardt), so no label is worse than where it began. Windows do not see
each other: a settled one leaves the batch.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from avvla.actions.riccati import Cost, linearise, newton_step
from avvla.actions.unicycle import Integrator, Path, integrate, speeds
from avvla.actions.validity import BOUNDS, STANDSTILL_MPS

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

# Weights, where that of a position is 1. Chosen on made drives with noise and slip such that the
# fits of the reference leave the errors that they leave on recorded driving (docs/actions.md).
# Euler drives a step with the heading at its begin, half a step behind the direction of the path:
# a recorded heading says less about it.
YAW_WEIGHT: dict[Integrator, float] = {"trapezoid": 8.0, "euler": 3.0}
V0_WEIGHT = 0.2
# Acceleration and curvature: of the change in a step, of the value.
CHANGE_WEIGHT = np.array([0.05, 3.0])
RIDGE = np.array([1e-4, 1e-3])
KNEE = 0.2
"""c in rho: a change of acceleration in one step that begins to count as an edge [m/s^2]."""
FIRST_KNEE = 2.0
"""The same for the first iteration, whose start is rough: noise would pass for edges."""
NOISE_M = 1e-4
"""Noise from which on a path is smoothed in full; comma2k19 has 0.18 mm and more [m]."""
TINY_M = 1e-6
"""A step that is shorter has no direction [m]."""
LEAST_SHARE = 0.01
"""Share of the smoothness that is left to a path without noise."""

BLOCK = 1024
"""Windows at a time: enough to hide numpy's overhead, few enough for the cache."""
MAX_ITERATIONS = 8
RELATIVE_TOLERANCE = 1e-2
ABSOLUTE_TOLERANCE = 1e-7
"""A cost that changes by less ends the fit [m^2]."""
FIRST_DAMPING = 1e-4
REFUSED_DAMPING = 0.1
"""Least damping after a step that was refused."""


@dataclass(frozen=True, eq=False)
class Target:
    """What N windows are fitted to: x, y, yaw (N, T) after each step, v0 (N,); local frame.

    `noise` (N,) is the share of the smoothness that the noise of the positions asks for.
    """

    x: FloatArray
    y: FloatArray
    yaw: FloatArray
    v0: FloatArray
    noise: FloatArray

    def rows(self, chosen: BoolArray) -> Target:
        """The windows that are `chosen` (N,)."""
        parts = (self.x, self.y, self.yaw, self.v0, self.noise)
        return Target(*(part[chosen] for part in parts))


@dataclass(frozen=True, eq=False)
class Guess:
    """Unknowns of N windows: v0 (N,) [m/s], control (2, N, T): acceleration and curvature."""

    v0: FloatArray
    control: FloatArray

    def rows(self, chosen: BoolArray) -> Guess:
        """The windows that are `chosen` (N,)."""
        return Guess(self.v0[chosen], self.control[:, chosen])

    def moving(self, dt_s: float) -> BoolArray:
        """(N, T) whether the vehicle may turn in a step."""
        fast = np.abs(speeds(self.v0, self.control[0], dt_s)) >= STANDSTILL_MPS
        both: BoolArray = fast[:, :-1] & fast[:, 1:]
        return both


def joint(
    position: FloatArray,
    yaw: FloatArray,
    v0: FloatArray,
    start: FloatArray,
    dt_s: float,
    integrator: Integrator,
) -> tuple[FloatArray, FloatArray]:
    """Initial speeds (N,) and actions (N, 64, 2), within the bounds and straight at standstill.

    Args:
        position: (N, 65, 2) positions from t0 on, local frame [m].
        yaw: (N, 65) headings from t0 on, the first 0 [rad].
        v0: (N,) measured or estimated speed at t0 [m/s].
        start: (N, 64, 2) actions to begin with.
        dt_s: time between samples [s].
        integrator: the integrator that will decode the actions.
    """
    speed, action = np.empty_like(v0), np.empty_like(start)
    for begin in range(0, len(v0), BLOCK):
        rows = slice(begin, begin + BLOCK)
        x, y = np.moveaxis(position[rows, 1:], -1, 0).copy()
        control = np.moveaxis(np.clip(start[rows], -BOUNDS, BOUNDS), -1, 0).copy()
        target = Target(x, y, yaw[rows, 1:], v0[rows], noise_share(position[rows]))
        found = _minimise(target, Guess(v0[rows], control), dt_s, integrator)
        speed[rows], action[rows, :, 0] = found.v0, found.control[0]
        action[rows, :, 1] = found.control[1] * found.moving(dt_s)
    return speed, action


def _minimise(target: Target, guess: Guess, dt_s: float, integrator: Integrator) -> Guess:
    best = Guess(guess.v0.copy(), guess.control.copy())
    places: NDArray[np.int64] = np.arange(len(best.v0))
    damping: FloatArray = np.full(len(best.v0), FIRST_DAMPING)
    cost = objective(guess, target, dt_s, integrator)
    for iteration in range(MAX_ITERATIONS):
        knee = KNEE if iteration else FIRST_KNEE
        tried = _step(guess, target, damping, knee, dt_s, integrator)
        tried_cost = objective(tried, target, dt_s, integrator)
        better = tried_cost < cost
        guess = Guess(
            np.where(better, tried.v0, guess.v0),
            np.where(better[:, None], tried.control, guess.control),
        )
        best.v0[places], best.control[:, places] = guess.v0, guess.control
        change = np.abs(cost - tried_cost)
        going = change > RELATIVE_TOLERANCE * cost + ABSOLUTE_TOLERANCE
        going |= iteration == 0
        damping = np.where(better, damping / 10, np.maximum(damping * 10, REFUSED_DAMPING))[going]
        cost = np.where(better, tried_cost, cost)[going]
        guess, target, places = guess.rows(going), target.rows(going), places[going]
        if not places.size:
            break
    return best


def objective(guess: Guess, target: Target, dt_s: float, integrator: Integrator) -> FloatArray:
    """(N,) what the fit minimises."""
    path = _rollout(guess, dt_s, integrator)
    changes = np.diff(guess.control)
    cost: FloatArray = np.square(path.x - target.x).sum(-1)
    cost += np.square(path.y - target.y).sum(-1)
    cost += YAW_WEIGHT[integrator] * np.square(path.yaw[:, 1:] - target.yaw).sum(-1)
    cost += V0_WEIGHT * np.square(guess.v0 - target.v0)
    rough: FloatArray = CHANGE_WEIGHT[0] * KNEE**2 * np.log1p(np.square(changes[0] / KNEE)).sum(-1)
    rough += CHANGE_WEIGHT[1] * np.square(changes[1]).sum(-1)
    rough += (RIDGE[:, None] * np.square(guess.control).sum(-1)).sum(0)
    cost += target.noise * rough
    return cost


def noise_share(position: FloatArray) -> FloatArray:
    """(N,) in [LEAST_SHARE, 1] from positions (N, n, 2): their white noise over NOISE_M, squared.

    Third differences of the distances driven are fourth differences of the place along the path:
    70 times the variance of its noise, and next to nothing of the driving itself. The same is true
    across the path, where the distance is that from the line through the step before. Their upper
    quartile, 1.15 standard deviations, is blind to a few edges and to a standstill. Noise has no
    direction: what shows along the path alone is a pedal, across it alone a steering wheel.
    """
    step = np.diff(position, axis=1)
    length = np.linalg.norm(step, axis=-1)
    before, after = step[:, :-1], step[:, 1:]
    area = before[..., 0] * after[..., 1] - before[..., 1] * after[..., 0]
    beside = area / np.sqrt(np.maximum(length[:, :-1] * length[:, 1:], TINY_M**2))
    typical = np.minimum(
        *(
            np.quantile(np.abs(fourth), 0.75, axis=-1)
            for fourth in (np.diff(length, n=3), np.diff(beside, n=2))
        )
    )
    deviation = typical / (1.1503 * math.sqrt(70.0))
    share: FloatArray = np.clip(np.square(deviation / NOISE_M), LEAST_SHARE, 1.0)
    return share


def _rollout(guess: Guess, dt_s: float, integrator: Integrator) -> Path[np.float64]:
    acceleration, curvature = guess.control
    return integrate(guess.v0, acceleration, curvature * guess.moving(dt_s), dt_s, integrator)


def _step(
    guess: Guess,
    target: Target,
    damping: FloatArray,
    knee: float,
    dt_s: float,
    integrator: Integrator,
) -> Guess:
    """A damped Gauss-Newton step from `guess`, projected on the bounds.

    Args:
        guess: where it begins.
        target: what is fitted to.
        damping: (N,) of Levenberg and Marquardt, for controls in units of their bounds.
        knee: c of the rho that the parabola majorises [m/s^2].
        dt_s: time between samples [s].
        integrator: the integrator that will decode the actions.
    """
    path = _rollout(guess, dt_s, integrator)
    control = np.ascontiguousarray(guess.control.swapaxes(1, 2))
    change = np.diff(control, axis=1, prepend=control[:, :1])
    ridge = RIDGE[:, None] * target.noise
    link_weight = np.empty_like(control)
    link_weight[:] = (CHANGE_WEIGHT[:, None] * target.noise)[:, None]
    link_weight[0] /= 1 + np.square(change[0] / knee)
    link_weight[:, 0] = 0
    damped = damping / np.square(BOUNDS[:, None])
    yaw_weight, bound = YAW_WEIGHT[integrator], BOUNDS[:, None, None]
    residuals = (
        path.x - target.x,
        path.y - target.y,
        yaw_weight * (path.yaw[:, 1:] - target.yaw),
    )
    cost = Cost(
        yaw_weight=yaw_weight,
        state_slope=np.stack([residual.T for residual in residuals]),
        link_weight=link_weight,
        link_slope=link_weight * change,
        control_weight=ridge + damped,
        control_slope=ridge[:, None] * control,
        start_weight=V0_WEIGHT + damped[0],
        start_slope=V0_WEIGHT * (guess.v0 - target.v0),
        bound=np.where(np.abs(control) >= bound, np.sign(control), 0.0),
    )
    moving = guess.moving(dt_s)
    v0, controls = newton_step(linearise(path, guess.control[1], moving, dt_s, integrator), cost)
    moved = np.clip(control + controls, -bound, bound)
    return Guess(guess.v0 + v0, np.ascontiguousarray(moved.swapaxes(1, 2)))
