"""Open loop: how far a plan lies from what was driven.

With p the planned and q the recorded position after step i = 1..64 of DT_S [m, frame `local`]:
    d[i] = |p[i] - q[i]|,   ADE(h) = mean of d[1..h / DT_S],   FDE(h) = d[h / DT_S]
at the horizons h of HORIZONS_S. `miss_rate` is the share with FDE(6.4 s) above MISS_M (as in
Argoverse, Chang et al. 2019), `heading_error` [rad] and `speed_error` [m/s] are means over the
steps, and `min_ade` is ADE(6.4 s) of the best of TRIES plans that a driver draws, where it can.
A small error is no proof of driving: see `avvla.evaluation.closed_loop`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from avvla.actions.unicycle import DT_S
from avvla.evaluation import bands
from avvla.evaluation.intervals import bootstrap
from avvla.evaluation.names import AGENT
from avvla.policy.interface import Observation, Plan, Policy

if TYPE_CHECKING:
    from avvla.dataset.frames import Motion, Samples  # with lerobot, which the report does without

HORIZONS_S = (1.0, 2.0, 3.0, 4.0, 6.4)
MISS_M = 2.0
TRIES = 6
BATCH = 64
"""Samples planned at once: a constant, since a plan's last bits may depend on it."""
IN_BANDS = ("ade_6.4s", "fde_6.4s")

Errors = dict[str, NDArray[np.float64]]
"""Name of an error and (N,) its value for each sample."""


class Sampling(Protocol):
    """A driver that can draw different plans for what it sees."""

    def sample(self, observation: Observation, seed: int) -> Plan:
        """Plans for a batch of observations, from noise of this seed."""
        ...


def plans(policy: Policy, samples: Samples) -> Plan:
    """One plan for each of the samples."""
    parts = [policy.plan(observation) for observation in _batches(samples)]
    return _joined(parts)


def sampled(policy: Sampling, samples: Samples) -> list[Plan]:
    """TRIES plans for each of the samples."""
    batches = list(_batches(samples))
    return [
        _joined(
            [
                policy.sample(observation, trial * len(batches) + place)
                for place, observation in enumerate(batches)
            ]
        )
        for trial in range(TRIES)
    ]


def displacement(
    planned: NDArray[np.floating], recorded: NDArray[np.floating]
) -> NDArray[np.float64]:
    """Distance d (..., T) [m] between two paths (..., T, >=2) at equal times."""
    apart = np.asarray(planned, np.float64)[..., :2] - np.asarray(recorded, np.float64)[..., :2]
    return np.asarray(np.hypot(apart[..., 0], apart[..., 1]))


def lengths(distance: NDArray[np.float64]) -> Errors:
    """ADE and FDE (...,) [m] of distances (..., 64), by names such as `ade_6.4s`."""
    table = {}
    for horizon in HORIZONS_S:
        steps = round(horizon / DT_S)
        table[f"ade_{horizon:g}s"] = distance[..., :steps].mean(axis=-1)
        table[f"fde_{horizon:g}s"] = distance[..., steps - 1]
    return table


def errors(plan: Plan, samples: Motion, drawn: Sequence[Plan] = ()) -> Errors:
    """Errors of N plans, and of the best of those that are `drawn` for the same samples."""
    driven = samples.trajectory
    distance = displacement(plan.trajectory, driven)
    # The labels' actions drive the recorded path; their speed is less noisy than its differences.
    speed = samples.state[:, :1] + DT_S * np.cumsum(samples.action[..., 0], axis=1)
    turned = np.asarray(plan.trajectory[..., 2] - driven[..., 2], np.float64)
    table = {
        **lengths(distance),
        "miss_rate": (distance[:, -1] > MISS_M).astype(float),
        "heading_error": np.abs((turned + np.pi) % (2 * np.pi) - np.pi).mean(1),
        "speed_error": np.abs(plan.trajectory[..., 3] - speed).mean(1),
    }
    if drawn:
        ade = [displacement(one.trajectory, driven).mean(1) for one in drawn]
        table["min_ade"] = np.min(ade, axis=0)
    return table


def summarise(found: Errors, clip_id: Sequence[str]) -> dict[str, Any]:
    """Means over the samples, with the 95 % interval of each."""
    low, high = bootstrap(np.stack(list(found.values()), -1), clip_id)
    interval = {
        name: {"low": float(low[place]), "high": float(high[place])}
        for place, name in enumerate(found)
    }
    means = {name: float(values.mean()) for name, values in found.items()}
    return {"n": len(clip_id), **means, "interval": interval}


def metrics(found: Mapping[str, Errors], clip_id: Sequence[str]) -> dict[str, Any]:
    """The agent's summary, and beside it that of each other driver under the driver's name."""
    summaries = {driver: summarise(errors, clip_id) for driver, errors in found.items()}
    return {**summaries.pop(AGENT), **summaries}


def in_bands(found: Mapping[str, Errors], samples: Motion) -> dict[str, dict[str, Any]]:
    """By kind of band, band and driver: the means of IN_BANDS with the interval of the first."""
    kinds = {
        "command": bands.by_command(samples.command),
        "speed": bands.by_speed(samples.state[:, 0]),
        "bend": bands.by_bend(samples.trajectory),
    }
    return {
        kind: {name: _in_band(found, inside, samples) for name, inside in parts.items()}
        for kind, parts in kinds.items()
    }


def _in_band(
    found: Mapping[str, Errors], inside: NDArray[np.bool_], samples: Motion
) -> dict[str, Any]:
    clips = np.array(samples.clip_id)[inside].tolist()
    row: dict[str, Any] = {"n": int(inside.sum())}
    for driver, table in found.items():
        values = np.stack([table[name][inside] for name in IN_BANDS], -1)
        low, high = bootstrap(values[:, :1], clips)[:, 0].tolist()
        means = dict(zip(IN_BANDS, values.mean(0).tolist(), strict=True))
        row[driver] = {**means, "low": low, "high": high}
    return row


def _batches(samples: Samples) -> list[Observation]:
    parts = [slice(begin, begin + BATCH) for begin in range(0, len(samples.state), BATCH)]
    return [
        Observation(
            image=samples.image[part],
            speed_mps=np.asarray(samples.state[part, 0], np.float64),
            heading_change_rad=np.asarray(samples.state[part, 1], np.float64),
            command=samples.command[part],
        )
        for part in parts
    ]


def _joined(parts: Sequence[Plan]) -> Plan:
    return Plan(
        np.concatenate([part.action for part in parts]),
        np.concatenate([part.trajectory for part in parts]),
    )
