"""The drivers that are compared: the Field Agent, the same with its camera blanked, and none."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch

from avvla.evaluation.suite import BLIND, CONSTANT_VELOCITY
from avvla.policy.driver import FieldAgent
from avvla.policy.interface import ConstantVelocity, Policy


@dataclass(frozen=True)
class Drivers:
    """Makes a driver from its name, in whatever process it is called.

    Args:
        checkpoint: folder of the Field Agent; the blind driver is the same on a grey picture.
        device: torch device.
    """

    checkpoint: Path
    device: str

    def __call__(self, driver: str) -> Policy:
        """One of `avvla.evaluation.suite.DRIVERS`.

        Raises:
            UserError: see `avvla.policy.checkpoint.load_checkpoint`.
        """
        if driver == CONSTANT_VELOCITY:
            return ConstantVelocity()
        # Worker processes share the cores; sums split over threads would depend on their number.
        torch.set_num_threads(1)
        return FieldAgent(self.checkpoint, self.device, blind=driver == BLIND)
