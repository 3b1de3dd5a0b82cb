"""Where the samples of a training come from, for messages and records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FEW = 5


@dataclass(frozen=True, eq=False)
class Origin:
    """Episodes and frames of N samples."""

    episode: NDArray[np.int64]
    """(N,) index of the episode."""
    frame: NDArray[np.int64]
    """(N,) index of the frame within its episode."""
    names: Mapping[int, str]
    """Episode -> clip, or file."""

    @classmethod
    def of(cls, episode: NDArray[np.int64], names: Mapping[int, str]) -> Origin:
        """Of whole episodes, the samples of each in the order of time."""
        frame = np.arange(len(episode)) - np.searchsorted(episode, episode)
        return cls(episode, frame, names)

    @property
    def left(self) -> NDArray[np.int64]:
        """(N,) frames from a sample to its episode's end, itself included."""
        return np.searchsorted(self.episode, self.episode, "right") - np.arange(len(self.episode))

    def told(self, samples: Sequence[int]) -> str:
        """Some samples by name and frame, the first few of them."""
        places = [
            f"{self.names[int(self.episode[i])]} frame {self.frame[i]}" for i in samples[:FEW]
        ]
        return ", ".join(places) + (", ..." if len(samples) > FEW else "")
