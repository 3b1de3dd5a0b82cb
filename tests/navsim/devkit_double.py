"""A double of what the agent and the submission use of NAVSIM's devkit, with the same names.

Field names and checks as in autonomousvision/navsim 0a380a9, navsim/common/dataclasses.py.
"""

from __future__ import annotations

import sys
import types
from dataclasses import dataclass, field
from typing import Any

import numpy as np

SENSORS = [
    "cam_f0",
    *(f"cam_{side}" for side in ("l0", "l1", "l2", "r0", "r1", "r2", "b0")),
    "lidar_pc",
]


@dataclass(frozen=True)
class TrajectorySampling:
    time_horizon: float = 4
    interval_length: float = 0.5

    @property
    def num_poses(self) -> int:
        return int(self.time_horizon / self.interval_length)


@dataclass
class Trajectory:
    poses: Any
    trajectory_sampling: Any

    def __post_init__(self) -> None:
        assert self.poses.shape == (self.trajectory_sampling.num_poses, 3)


class SensorConfig:
    def __init__(self, include: Any) -> None:
        vars(self).update(dict.fromkeys(SENSORS, include))

    @classmethod
    def build_no_sensors(cls) -> SensorConfig:
        return cls(False)


@dataclass
class Camera:
    image: Any = None
    intrinsics: Any = None
    distortion: Any = None


@dataclass
class Cameras:
    cam_f0: Camera


@dataclass
class EgoStatus:
    ego_pose: Any
    ego_velocity: Any
    ego_acceleration: Any
    driving_command: Any


@dataclass
class AgentInput:
    ego_statuses: list[EgoStatus]
    cameras: list[Cameras]
    lidars: list[Any] = field(default_factory=list)


@dataclass
class SceneFilter:
    tokens: Any = None
    include_synthetic_scenes: bool = False
    reactive_synthetic_initial_tokens: Any = None


class SceneLoader:
    """Scenes that are all alike."""

    lost: tuple[str, ...] = ()
    """Scenes that the logs lack."""
    dark: tuple[str, ...] = ()
    """Scenes whose picture cannot be read."""

    def __init__(self, data_path: Any, scene_filter: Any, sensor_config: Any, **paths: Any) -> None:
        tokens = [*scene_filter.tokens, *(scene_filter.reactive_synthetic_initial_tokens or ())]
        self.tokens = [token for token in tokens if token not in self.lost]
        self.paths = paths
        assert sensor_config.cam_f0 == [3]

    def get_agent_input_from_token(self, token: str) -> AgentInput:
        if token in self.dark:
            raise FileNotFoundError(f"{token}.jpg")
        return agent_input()


def agent_input(
    speed: float = 10.0, turned: float = 0.15, command: int = 1, frames: int = 4
) -> AgentInput:
    """A vehicle in front of a grey wall."""
    one_hot = np.eye(4, dtype=int)[command]
    headings = np.linspace(-turned, 0.0, frames)
    statuses = [
        EgoStatus(
            np.array([0.0, 0.0, heading], np.float32),
            np.array([speed, 0.0], np.float32),
            np.zeros(2, np.float32),
            one_hot,
        )
        for heading in headings
    ]
    camera = Camera(
        image=np.full((108, 192, 3), 90, np.uint8),
        intrinsics=np.array([[154.5, 0, 96], [0, 154.5, 56], [0, 0, 1]]),
        distortion=np.array([-0.356, 0.172, -0.002, 0.0005, -0.052]),
    )
    empty = [Cameras(Camera()) for _ in range(frames - 1)]
    return AgentInput(statuses, [*empty, Cameras(camera)])


def modules() -> dict[str, types.ModuleType]:
    """The devkit's modules, by name."""
    this = sys.modules[__name__]
    found = {
        name: types.ModuleType(name)
        for name in (
            "navsim",
            "navsim.common",
            "navsim.common.dataclasses",
            "navsim.common.dataloader",
        )
    }
    for name in ("SensorConfig", "Trajectory"):
        setattr(found["navsim.common.dataclasses"], name, getattr(this, name))
    found["navsim.common.dataloader"].SceneLoader = SceneLoader  # type: ignore[attr-defined]
    return found
