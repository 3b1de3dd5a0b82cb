"""Open loop: how far the planned path lies from the path that was driven.

With p the planned and q the recorded position after step i = 1..64 of DT_S [m, frame `local`]:
    d[i] = |p[i] - q[i]|,   ADE(h) = mean of d[1..h / DT_S],   FDE(h) = d[h / DT_S]
at the horizons h of HORIZONS_S. Only positions count. A small error is no proof of driving: see
`avvla.evaluation.closed_loop`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from avvla.actions.unicycle import DT_S
from avvla.evaluation.suite import AGENT
from avvla.policy.interface import Observation, Policy

if TYPE_CHECKING:
    from avvla.dataset.frames import Samples  # with lerobot, which the report does without

HORIZONS_S = (1.0, 3.0, 6.4)
BATCH = 64
"""Samples planned at once: a constant, since a plan's last bits may depend on it."""


def plan_paths(policy: Policy, samples: Samples) -> NDArray[np.float64]:
    """Planned paths (N, 64, 3) x, y [m], yaw [rad], frame `local`, one for each sample."""
    paths = []
    for begin in range(0, len(samples.state), BATCH):
        part = slice(begin, begin + BATCH)
        observation = Observation(
            image=samples.image[part],
            speed_mps=np.asarray(samples.state[part, 0], np.float64),
            heading_change_rad=np.asarray(samples.state[part, 1], np.float64),
            command=samples.command[part],
        )
        paths.append(policy.plan(observation).trajectory[..., :3])
    return np.concatenate(paths)


def displacement(
    planned: NDArray[np.floating], recorded: NDArray[np.floating]
) -> NDArray[np.float64]:
    """Distance d (..., T) [m] between two paths (..., T, >=2) at equal times."""
    apart = np.asarray(planned, np.float64)[..., :2] - np.asarray(recorded, np.float64)[..., :2]
    return np.asarray(np.hypot(apart[..., 0], apart[..., 1]))


def errors(distance: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    """ADE and FDE (...,) [m] of distances (..., 64), by names such as `ade_6.4s`."""
    table = {}
    for horizon in HORIZONS_S:
        steps = round(horizon / DT_S)
        table[f"ade_{horizon:g}s"] = distance[..., :steps].mean(axis=-1)
        table[f"fde_{horizon:g}s"] = distance[..., steps - 1]
    return table


def summarise(distance: NDArray[np.float64], commands: Sequence[str]) -> dict[str, Any]:
    """Means of `errors` over samples (N, 64), and the same for each command's own samples."""
    given = np.array(commands)
    return {
        **_means(distance),
        "commands": {str(text): _means(distance[given == text]) for text in np.unique(given)},
    }


def metrics(
    distances: Mapping[str, NDArray[np.float64]], commands: Sequence[str]
) -> dict[str, Any]:
    """The agent's summary, and beside it that of each other driver under the driver's name."""
    summaries = {driver: summarise(value, commands) for driver, value in distances.items()}
    return {**summaries.pop(AGENT), **summaries}


def _means(distance: NDArray[np.float64]) -> dict[str, float | int]:
    means = {name: float(value.mean()) for name, value in errors(distance).items()}
    return {"n": len(distance), **means}
