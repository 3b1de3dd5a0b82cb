"""Plots of an evaluation as TSV files for `dvc plots`.

displacement.tsv: mean distance [m] of the planned from the recorded path over time_s, a column for
each driver. <driver>.tsv: rates of each family in closed loop, where there was one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from avvla.actions.unicycle import DT_S
from avvla.evaluation.drive import Drive
from avvla.evaluation.suite import by_family
from avvla.results import write_curve, write_text

RATES = ("success", "off_road", "collision")


def write(
    folder: Path,
    distances: Mapping[str, NDArray[np.float64]],
    drives: Mapping[str, Sequence[Drive]],
) -> None:
    """Write the plots of distances (N, 64) [m] and drives of each driver."""
    means = np.stack([distance.mean(axis=0) for distance in distances.values()], axis=-1)
    rows = [((step + 1) * DT_S, *row) for step, row in enumerate(means.tolist())]
    write_curve(folder / "displacement.tsv", ("time_s", *distances), rows)
    for driver, listed in drives.items():
        lines = ["\t".join(("family", *RATES))]
        for family, rates in by_family(listed).items():
            lines.append("\t".join((family, *(f"{rates[rate]:.6g}" for rate in RATES))))
        write_text(folder / f"{driver}.tsv", "\n".join(lines) + "\n")
