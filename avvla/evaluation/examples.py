"""A few validation samples with the agent's plan, from the best to the worst, for the report.

File (npz), one row a sample: rank (text), clip (text), command (text), ade_m, image (K, S, S, 3)
uint8 as the policy saw it, planned and recorded (K, 64, 2) x, y [m] in frame `local`, float32.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from avvla.evaluation import archive
from avvla.evaluation.open_loop import displacement

if TYPE_CHECKING:
    from avvla.dataset.frames import Samples  # with lerobot, which the report does without

RANKS = (
    ("best", 0.0),
    ("25 of 100", 0.25),
    ("median", 0.5),
    ("75 of 100", 0.75),
    ("95 of 100", 0.95),
    ("worst", 1.0),
)
"""Name of a sample and its place among all by ADE, from 0 for the smallest to 1."""


@dataclass(frozen=True)
class Example:
    """One sample; see the module's docstring."""

    rank: str
    clip: str
    command: str
    ade_m: float
    image: NDArray[np.uint8]
    planned: NDArray[np.floating]
    recorded: NDArray[np.floating]


def choose(samples: Samples, planned: NDArray[np.float64]) -> list[Example]:
    """The samples at RANKS for plans (N, 64, >=2); each place once, the extremes going first."""
    ade = displacement(planned, samples.trajectory).mean(axis=-1)
    order = np.argsort(ade, kind="stable").tolist()
    places = {round(share * (len(order) - 1)): rank for rank, share in RANKS}
    places |= {len(order) - 1: "worst", 0: "best"}
    return [
        Example(
            rank=places[place],
            clip=samples.clip_id[order[place]],
            command=samples.command[order[place]],
            ade_m=float(ade[order[place]]),
            image=samples.image[order[place]],
            planned=planned[order[place], :, :2],
            recorded=samples.trajectory[order[place], :, :2],
        )
        for place in sorted(places)
    ]


def save_examples(path: Path, examples: list[Example]) -> None:
    """Write the file, whole or not at all."""
    columns = {
        field.name: np.array([getattr(example, field.name) for example in examples])
        for field in fields(Example)
    }
    for name in ("planned", "recorded"):
        columns[name] = columns[name].astype(np.float32)
    archive.write(path, columns)


def load_examples(path: Path) -> list[Example]:
    """The examples of a file, best first.

    Raises:
        UserError: the file is missing or damaged.
    """
    table = archive.read(path, [field.name for field in fields(Example)])
    return [
        Example(
            rank=str(table["rank"][row]),
            clip=str(table["clip"][row]),
            command=str(table["command"][row]),
            ade_m=float(table["ade_m"][row]),
            image=table["image"][row],
            planned=table["planned"][row],
            recorded=table["recorded"][row],
        )
        for row in range(len(table["rank"]))
    ]
