"""The embedded world as a Gymnasium environment, for reinforcement learning.

Reward of one step of dt = 0.1 s, dimensionless, with the distance driven ds [m], the commanded
speed v_c [m/s] (SLOW_MPS under "Slow down", 0 under "Stop", else CRUISE_MPS), the distance d [m]
from the centre of the lane to be in and the jerk j [m/s^3] of the commanded acceleration:

    r = 0.1 (p - OFFSET_WEIGHT min(|d| / (LANE_M / 2), 1) - JERK_WEIGHT min(|j| / JERK_MPS3, 1))
    p = 1 - |ds - v_c dt| / (CRUISE_MPS dt)

so a second of perfect driving is worth 1, and while cruising p is the progress as a share of what
cruising makes. The step that ends in a collision or off the road is worth FAILURE instead.
"""

from __future__ import annotations

import math
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from avvla.actions.unicycle import DT_S
from avvla.config import Randomisation, Synthetic
from avvla.errors import UserError
from avvla.world import birdseye
from avvla.world.embedded import EmbeddedWorld
from avvla.world.interface import Metrics
from avvla.world.recording import synthetic_camera
from avvla.world.road_map import LANE_M
from avvla.world.scenario import CRUISE_MPS, FAMILIES, PLAYED_KEY, SLOW_MPS, draw_scenario

COMMANDS = (
    "Follow the lane",
    "Change lane left",
    "Change lane right",
    "Turn left",
    "Turn right",
    "Go straight",
    "Slow down",
    "Stop",
)
OFFSET_WEIGHT = 0.5
JERK_WEIGHT = 0.1
JERK_MPS3 = 10.0
FAILURE = -1.0
ACTION_SCALE = np.array([6.0, 0.2])
"""Acceleration [m/s^2] and curvature [1/m] that an action of 1 stands for."""
FASTEST_MPS = 40.0

Observation = dict[str, Any]
Action = NDArray[np.float32]


class DrivingEnv(gymnasium.Env[Observation, Action]):
    """One episode is one scenario of a family drawn at random.

    Action: Box (acceleration, curvature) in [-1, 1], shares of ACTION_SCALE. Observation: `image`
    (H, W, 3) uint8 of the front camera, `state` (2,) float32 of speed [m/s] and heading change over
    1.5 s [rad], `command` the index into COMMANDS. Terminated: collided or off the road. Truncated:
    the duration has passed or the map ends, so that the value of what would follow still counts.
    `info` holds the world's `Metrics` by name, and the family.

    Args:
        families: names of scenario families to draw from; all by default.
        randomisation: widths of the domain randomisation; none by default.
        duration_s: length of an episode.
        render_mode: `rgb_array`, the bird's-eye view, or None.

    Raises:
        UserError: an unknown family or render mode, or a duration below one step.
    """

    metadata = {"render_modes": ["rgb_array"], "render_fps": round(1.0 / DT_S)}  # noqa: RUF012

    def __init__(
        self,
        families: tuple[str, ...] = tuple(FAMILIES),
        randomisation: Randomisation | None = None,
        duration_s: float = 25.0,
        render_mode: str | None = None,
    ) -> None:
        unknown = sorted(set(families) - set(FAMILIES))
        if unknown or not families:
            got = ", ".join(unknown) or "none"
            raise UserError(f"families: got {got}, expected some of {', '.join(FAMILIES)}")
        if not duration_s >= DT_S:
            raise UserError(f"duration_s is {duration_s}, expected at least {DT_S}")
        if render_mode not in (None, "rgb_array"):
            raise UserError(f"render_mode is {render_mode!r}, expected 'rgb_array' or None")
        self.render_mode = render_mode
        self._families, self._steps = families, round(duration_s / DT_S)
        camera = synthetic_camera(Synthetic())
        self._world = EmbeddedWorld(camera, randomisation)
        self.action_space = spaces.Box(-1.0, 1.0, (2,), np.float32)
        self.observation_space = spaces.Dict(
            {
                "image": spaces.Box(0, 255, (camera.height, camera.width, 3), np.uint8),
                "state": spaces.Box(
                    np.array([0.0, -math.pi], np.float32),
                    np.array([FASTEST_MPS, math.pi], np.float32),
                ),
                "command": spaces.Discrete(len(COMMANDS)),
            }
        )

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Draw a scenario; equal seeds give equal episodes."""
        super().reset(seed=seed, options=options)
        family = self._families[int(self.np_random.integers(len(self._families)))]
        key = int(self.np_random.integers(2**31))
        self._world.reset(draw_scenario(family, PLAYED_KEY, key), PLAYED_KEY, key)
        self._step, self._acceleration, self._s = 0, 0.0, self._world.s
        return self._observation(), self._info(self._world.metrics())

    def step(self, action: Action) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        """Drive one action, clipped to the action space."""
        acceleration, curvature = (np.clip(action, -1.0, 1.0) * ACTION_SCALE).tolist()
        command = self._world.command
        self._world.step(acceleration, curvature)
        self._step += 1
        metrics = self._world.metrics()
        terminated = metrics.collided or metrics.off_road
        jerk = (acceleration - self._acceleration) / DT_S
        score = reward(metrics.s_m - self._s, command, metrics.lane_offset_m, jerk)
        self._acceleration, self._s = acceleration, metrics.s_m
        truncated = not terminated and (metrics.finished or self._step >= self._steps)
        return (
            self._observation(),
            FAILURE if terminated else score,
            terminated,
            truncated,
            self._info(metrics),
        )

    # Gymnasium 1.2, which RLlib needs, has a free type variable for a frame.
    def render(self) -> NDArray[np.uint8] | None:  # type: ignore[override]
        """The bird's-eye view (480, 480, 3) uint8 RGB around the ego."""
        if self.render_mode is None:
            return None
        world = self._world
        ego = (world.x, world.y, world.yaw)
        return birdseye.draw(world.scenario.road_map, ego, world.boxes())

    def _observation(self) -> Observation:
        view = self._world.observe()
        state = np.clip(
            (view.speed_mps, view.heading_change_rad), (0.0, -math.pi), (FASTEST_MPS, math.pi)
        )
        return {
            "image": view.frame,
            "state": state.astype(np.float32),
            "command": np.int64(COMMANDS.index(view.command)),
        }

    def _info(self, metrics: Metrics) -> dict[str, Any]:
        return {**vars(metrics), "family": self._world.scenario.family}


def reward(distance_m: float, command: str, lane_offset_m: float, jerk_mps3: float) -> float:
    """The reward of a step that ends well; see the module's docstring."""
    commanded = {"Stop": 0.0, "Slow down": SLOW_MPS}.get(command, CRUISE_MPS)
    progress = 1.0 - abs(distance_m - commanded * DT_S) / (CRUISE_MPS * DT_S)
    offset = min(abs(lane_offset_m) / (LANE_M / 2), 1.0)
    jerk = min(abs(jerk_mps3) / JERK_MPS3, 1.0)
    return DT_S * (progress - OFFSET_WEIGHT * offset - JERK_WEIGHT * jerk)


gymnasium.register("avvla/Driving-v0", entry_point="avvla.world.gym_env:DrivingEnv")
