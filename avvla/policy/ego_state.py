"""A driver that sees neither road nor traffic: a small network on speed, heading change and text.

What it reaches in open loop says how much of a figure comes from the recordings' habits alone (Li
et al. 2024, arXiv 2312.03031). Three layers give 64 actions, and the unicycle's path is trained to
lie on the driven one (`avvla.policy.modeling_field_agent.path_error`).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from avvla.actions import unicycle_torch
from avvla.actions.unicycle import HORIZON, rollout
from avvla.policy.interface import Observation, Plan
from avvla.policy.modeling_field_agent import path_error

WIDTH = 128
STEPS, BATCH, LEARNING_RATE, SEED = 1500, 256, 2e-3, 0
STATE_SCALE = (10.0, 0.2)
"""Speed [m/s] and heading change [rad] that the network sees as 1."""
ACTION_SCALE = (1.0, 0.02)
"""Acceleration [m/s^2] and curvature [1/m] of the network's 1."""


class EgoState:
    """The trained network as a driver; `fit` makes it."""

    def __init__(self, network: nn.Module, commands: Sequence[str]) -> None:
        self._network, self._commands = network, tuple(commands)

    @torch.no_grad()
    def plan(self, observation: Observation) -> Plan:
        """Plans for a batch of observations; a command that training did not have counts as none.

        The picture is not looked at.
        """
        state = np.stack([observation.speed_mps, observation.heading_change_rad], -1)
        seen = _seen(state, observation.command, self._commands)
        action = _actions(self._network, seen).double().numpy()
        return Plan(action, rollout(observation.speed_mps, action))


def fit(
    state: NDArray[np.floating], trajectory: NDArray[np.floating], command: Sequence[str]
) -> EgoState:
    """Train on N samples; the same samples give the same driver.

    Args:
        state: (N, 2) speed [m/s], heading change [rad].
        trajectory: (N, 64, 2 or more) driven x, y [m], frame `local`.
        command: N texts.
    """
    draw = torch.Generator().manual_seed(SEED)
    commands = sorted(set(command))
    seen = _seen(state, command, commands)
    speed, driven = (torch.from_numpy(np.asarray(part, np.float32)) for part in (state, trajectory))
    with torch.random.fork_rng():
        torch.manual_seed(SEED)
        network = nn.Sequential(
            nn.Linear(seen.shape[1], WIDTH),
            nn.ReLU(),
            nn.Linear(WIDTH, WIDTH),
            nn.ReLU(),
            nn.Linear(WIDTH, HORIZON * 2),
        )
    optimiser = torch.optim.AdamW(network.parameters(), LEARNING_RATE, fused=True)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, STEPS)
    for _ in range(STEPS):
        chosen = torch.randint(len(seen), (BATCH,), generator=draw)
        path = unicycle_torch.rollout(speed[chosen, 0], _actions(network, seen[chosen]))
        optimiser.zero_grad()
        loss = path_error(path, driven[chosen]).mean()
        loss.backward()  # type: ignore[no-untyped-call]  # torch
        optimiser.step()
        schedule.step()
    return EgoState(network.eval(), commands)


def _seen(state: NDArray[np.floating], command: Sequence[str], commands: Sequence[str]) -> Tensor:
    """(N, 2 + commands) scaled state and the command's place."""
    scaled = np.asarray(state, np.float32) / np.array(STATE_SCALE, np.float32)
    given = np.array(command, object)[:, None] == np.array(commands, object)
    return torch.from_numpy(np.concatenate([scaled, given.astype(np.float32)], -1))


def _actions(network: nn.Module, seen: Tensor) -> Tensor:
    """(N, 64, 2) m/s^2 and 1/m."""
    actions: Tensor = network(seen).unflatten(-1, (HORIZON, 2)) * torch.tensor(ACTION_SCALE)
    return actions
