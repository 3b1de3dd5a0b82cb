"""What an agent is to learn: what it sees, what it may do, what it is paid for, when it is over.

An experiment is told its settings, and asked by `avvla.rl.environment` in this order: `reset`,
`get_observation`; then for each step `compute_action`, `update`, `get_observation`,
`get_done_status`, `compute_reward`. It knows an arena only through `avvla.world.arena.Arena`, so it
runs in every world.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

import gymnasium
from pydantic import ConfigDict, Field

from avvla.config import Section
from avvla.world.arena import Arena

Control = tuple[float, float]
"""Acceleration [m/s^2] and curvature [1/m] for one step of 0.1 s."""


class ExperimentSettings(Section):
    """What every experiment is told; a class of experiments adds its own fields."""

    model_config = ConfigDict(validate_by_name=True, validate_by_alias=True)

    path: str = Field(
        "avvla.rl.lane:DiscreteLane", alias="class", description="module:Name of the experiment"
    )


class BaseExperiment(ABC):
    """To be derived from; a class that lacks an abstract method cannot be made.

    Args:
        settings: an instance of the class's `settings_type`.
    """

    settings_type: ClassVar[type[ExperimentSettings]] = ExperimentSettings

    def __init__(self, settings: ExperimentSettings) -> None:
        self.settings = settings

    def reset(self, arena: Arena) -> None:  # noqa: B027  an experiment without memory needs none
        """A drive has begun."""

    def update(self, arena: Arena) -> None:  # noqa: B027  as above
        """A step was driven."""

    @abstractmethod
    def get_action_space(self) -> gymnasium.Space[Any]:
        """What `compute_action` takes."""

    @abstractmethod
    def get_observation_space(self) -> gymnasium.Space[Any]:
        """What `get_observation` gives."""

    def get_actions(self) -> Mapping[int, Control]:
        """Of discrete actions the acceleration at standstill and the share of the curvature."""
        return {}

    @abstractmethod
    def compute_action(self, action: Any) -> Control:
        """Turn an element of the action space into acceleration and curvature."""

    @abstractmethod
    def get_observation(self, arena: Arena) -> tuple[Any, dict[str, Any]]:
        """What the agent is shown now, and what is said of it to whoever logs."""

    @abstractmethod
    def get_done_status(self, arena: Arena) -> tuple[bool, bool]:
        """(terminated, truncated): whether nothing follows, whether it is only cut off."""

    @abstractmethod
    def compute_reward(self, arena: Arena) -> float:
        """What the last step was worth."""

    def summary(self) -> dict[str, float]:
        """Figures of the drive, told once it is over."""
        return {}
