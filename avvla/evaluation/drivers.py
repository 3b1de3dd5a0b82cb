"""Makes the drivers that are compared from their names."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import torch

from avvla.agent.commander import FOLLOW
from avvla.evaluation.names import BLIND, CONSTANT_ACTION, CONSTANT_COMMAND, CONSTANT_VELOCITY
from avvla.policy.driver import FieldAgent
from avvla.policy.interface import ConstantAction, ConstantVelocity, Observation, Plan, Policy


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
        """One of `avvla.evaluation.names.DRIVERS`, but for the one that is trained.

        Raises:
            UserError: see `avvla.policy.checkpoint.load_checkpoint`.
        """
        if driver == CONSTANT_VELOCITY:
            return ConstantVelocity()
        if driver == CONSTANT_ACTION:
            return ConstantAction()
        agent = self.agent(blind=driver == BLIND)
        return ConstantCommand(agent) if driver == CONSTANT_COMMAND else agent

    def agent(self, *, blind: bool = False) -> FieldAgent:
        """The Field Agent.

        Raises:
            UserError: see `avvla.policy.checkpoint.load_checkpoint`.
        """
        # Worker processes share the cores; sums split over threads would depend on their number.
        torch.set_num_threads(1)
        return FieldAgent(self.checkpoint, self.device, blind=blind)


class ConstantCommand:
    """A driver that is told to follow the lane, whatever the command is."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy

    def plan(self, observation: Observation) -> Plan:
        """Plans for a batch of observations."""
        told = (FOLLOW,) * len(observation.command)
        return self._policy.plan(replace(observation, command=told))
