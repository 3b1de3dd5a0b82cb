"""One drive in the embedded world, as it is kept: where the ego was, what it was told, how it went.

The other vehicles are not kept: they depend on the scenario and on the ego's way alone, so
`avvla.evaluation.replay` moves them along it again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from avvla.actions.unicycle import DT_S
from avvla.evaluation import ride
from avvla.world.scenario import JUDGED_KEY

SCORES = ("pdms", "epdms", "pdms_corrected", "epdms_corrected")
"""Of `avvla.evaluation.plan_scores`."""


@dataclass(frozen=True)
class Drive:
    """One drive: states (T, 4) x, y, yaw, v; road (T, 3) s, lateral, target offset."""

    family: str
    seed: int
    states: NDArray[np.float64]
    road: NDArray[np.float64]
    commands: tuple[str, ...]
    collided: bool
    off_road: bool
    finished: bool
    gap_m: float
    """To the next vehicle ahead at the end; infinite without one."""
    success: bool = False
    obeyed: bool = True
    """Whether it did what it was told, judged by geometry alone, however well."""
    scores: Mapping[str, float] = field(default_factory=dict)
    """Means over its plans by SCORES; empty where they were not scored."""

    @property
    def offset(self) -> NDArray[np.float64]:
        """(T,) distance from the centre of the lane to be in, left positive [m]."""
        return self.road[:, 1] - self.road[:, 2]

    @property
    def progress_m(self) -> float:
        """Way along the route."""
        return float(self.road[-1, 0] - self.road[0, 0])

    @property
    def comfortable(self) -> bool:
        """Whether it stayed within the bounds of `avvla.evaluation.ride`."""
        if len(self.states) < 3:
            return True
        found = ride.signals(self.states[:, 3], self.states[:, 2])
        return bool(ride.comfortable(found))

    @property
    def lasted_s(self) -> float:
        """From the first to the last state."""
        return (len(self.states) - 1) * DT_S


def road_key(seed: int) -> tuple[int, int]:
    """The key of the judged scenario `seed` of a family."""
    return JUDGED_KEY, seed


def summarise(drives: list[Drive]) -> dict[str, float | int]:
    """Rates over the drives of one family, and means: offset [m], speed [m/s], way [m], scores."""
    scored = [drive.scores for drive in drives if drive.scores]
    return {
        "n": len(drives),
        "success": float(np.mean([drive.success for drive in drives])),
        "obeyed": float(np.mean([drive.obeyed for drive in drives])),
        "collision": float(np.mean([drive.collided for drive in drives])),
        "off_road": float(np.mean([drive.off_road for drive in drives])),
        "comfort": float(np.mean([drive.comfortable for drive in drives])),
        "mean_offset_m": float(np.mean([np.abs(drive.offset).mean() for drive in drives])),
        "mean_speed_mps": float(np.mean([drive.states[:, 3].mean() for drive in drives])),
        "mean_progress_m": float(np.mean([drive.progress_m for drive in drives])),
        **{name: float(np.mean([scores[name] for scores in scored])) for name in SCORES if scored},
    }
