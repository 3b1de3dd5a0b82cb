"""What the loop trains: a policy with its samples, whichever policy that is."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Generator, Tensor

from avvla.policy.checkpoint import Checkpoint
from avvla.training.origin import Origin

Batch = dict[str, Any]
"""B samples in LeRobot's form, before the preprocessor."""


class Workload(Protocol):
    """A policy to train, the samples that it is trained on, and how it is judged."""

    checkpoint: Checkpoint
    origin: Origin
    weight: NDArray[np.int64]
    """(N,) how much a sample counts in the mean of a batch."""

    @property
    def past(self) -> Path:
        """State of the optimiser and schedule of the policy's base."""
        ...

    def batch(self, chosen: list[int], part: list[int], draws: Generator) -> Batch:
        """Samples of a batch.

        Args:
            chosen: indices of the whole batch.
            part: positions in `chosen` of the samples to return.
            draws: what is drawn from it must not depend on the part.
        """
        ...

    def loss(self, batch: Batch, noise: Tensor, time: Tensor) -> tuple[Tensor, dict[str, float]]:
        """The mean loss of a preprocessed batch, and its terms as numbers.

        Args:
            batch: B samples.
            noise: (B, chunk_size, max_action_dim) start of the flow.
            time: (B,) in 0..1.
        """
        ...

    def validate(self) -> dict[str, float]:
        """Figures on held-out samples, which touch no random state."""
        ...
