"""What every driver shares: an observation in, a 64-step plan out.

Batched, numpy only: neither the simulators nor the canary policies need torch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from avvla.actions.unicycle import DT_S, HORIZON, rollout
from avvla.window import HISTORY_STEPS

BLIND_GREY = 128
"""Every pixel of what a blind driver sees, in training and in driving [0..255]."""


@dataclass(frozen=True)
class Observation:
    """What B vehicles see at t0.

    Args:
        image: (B, S, S, 3) uint8, RGB, the square crop of the front wide camera.
        speed_mps: (B,) speed at t0.
        heading_change_rad: (B,) heading at t0 relative to the pose 1.5 s before.
        command: B texts.

    Raises:
        ValueError: shapes or the image's type differ from these.
    """

    image: NDArray[np.uint8]
    speed_mps: NDArray[np.float64]
    heading_change_rad: NDArray[np.float64]
    command: tuple[str, ...]

    def __post_init__(self) -> None:
        batch = len(self.command)
        size = self.image.shape[1] if self.image.ndim == 4 else 0
        if self.image.shape != (batch, size, size, 3) or self.image.dtype != np.uint8:
            raise ValueError(
                f"image is {self.image.dtype} {self.image.shape}, expected uint8 ({batch}, S, S, 3)"
            )
        for name in ("speed_mps", "heading_change_rad"):
            if getattr(self, name).shape != (batch,):
                raise ValueError(
                    f"{name} has shape {getattr(self, name).shape}, expected ({batch},)"
                )


@dataclass(frozen=True)
class Plan:
    """B plans of 64 steps of 0.1 s.

    Args:
        action: (B, 64, 2) acceleration [m/s^2], curvature [1/m].
        trajectory: (B, 64, 4) x, y [m], yaw [rad], v [m/s] after each step, frame `local`.
    """

    action: NDArray[np.float64]
    trajectory: NDArray[np.float64]


class Policy(Protocol):
    """A driver."""

    def plan(self, observation: Observation) -> Plan:
        """Plans for a batch of observations."""
        ...


HEADING_CHANGE_S = HISTORY_STEPS * DT_S
"""Time over which an observation's heading change is taken."""
SHARPEST, STANDING_MPS = 0.2, 0.5


class ConstantVelocity:
    """Straight on at the present speed: the canary that shows a deployment works."""

    def plan(self, observation: Observation) -> Plan:
        """Zero actions."""
        action = np.zeros((len(observation.command), HORIZON, 2))
        return Plan(action, rollout(observation.speed_mps, action))


class ConstantAction:
    """On as it was: no acceleration, and the mean curvature of the last 1.5 s.

    An observation does not tell the acceleration. Below 0.5 m/s the wheels count as straight.
    """

    def plan(self, observation: Observation) -> Plan:
        """Curvature heading_change / (1.5 s v), at most 0.2 1/m, in each step."""
        speed = observation.speed_mps
        way = HEADING_CHANGE_S * np.maximum(speed, STANDING_MPS)
        curvature = np.clip(observation.heading_change_rad / way, -SHARPEST, SHARPEST)
        action = np.zeros((len(observation.command), HORIZON, 2))
        action[..., 1] = np.where(speed < STANDING_MPS, 0.0, curvature)[:, None]
        return Plan(action, rollout(speed, action))
