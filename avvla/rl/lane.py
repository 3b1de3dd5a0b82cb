"""Following a lane, seen from above: by 29 discrete actions, or by acceleration and curvature.

Reward of one step of dt = 0.1 s, with the way ds [m] along the route, the speed v = ds / dt and the
heading error psi [rad] relative to the lane; each weight is a field of `Reward`:

    r = metre ds
      + speed_gain (v - v before) in km/h          while v before < 20 km/h
      + off_road                                   while off the road
      + wrong_way                                  while |psi| > pi / 2
      + turning_away                               while |sin psi| > 0.4 and |psi| grows
      + collision | idle | time_limit              once, in the step that ends the episode by it
"""

from __future__ import annotations

import math
from collections import deque
from typing import Annotated, Any, Literal

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray
from pydantic import Field, model_validator

from avvla.actions.unicycle import DT_S
from avvla.config import NonNegative, Positive, Section
from avvla.errors import UserError
from avvla.rl.experiment import BaseExperiment, Control, ExperimentSettings
from avvla.world.arena import Arena

THROTTLES = (0.0, 0.3, 0.6, 1.0)
STEERS = (0.0, 0.25, -0.25, 0.5, -0.5, 0.75, -0.75)
SLOW_KMH, STANDING_KMH, KMH = 20.0, 1.0, 3.6
ASKEW = 0.4


class View(Section):
    """What is seen from above."""

    size_px: Annotated[int, Field(ge=16, le=512)] = Field(48, description="side of the picture")
    radius_m: Positive = Field(20.0, description="half of the width that is shown")
    frames: Annotated[int, Field(ge=1, le=4)] = Field(
        2, description="pictures of successive steps that are stacked, the newest last"
    )


class Vehicle(Section):
    """How shares of throttle, brake and steering become acceleration and curvature."""

    throttle_mps2: Positive = Field(3.0, description="acceleration of the full throttle")
    brake_mps2: Positive = Field(5.0, description="deceleration of the brake")
    drag_per_s: NonNegative = Field(0.15, description="deceleration a m/s of speed, of all actions")
    curvature: Positive = Field(0.2, description="curvature of the full steering at most [1/m]")
    lateral_mps2: Positive = Field(6.0, description="lateral acceleration that bounds it at speed")


class Episode(Section):
    """What ends an episode."""

    duration_s: Positive = Field(30.0, description="time limit")
    idle_s: Positive = Field(5.0, description="longest time at 1 km/h or less")
    collision_ends: bool = Field(True, description="whether a collision terminates")
    off_road_ends: bool = Field(True, description="whether leaving the road terminates")
    time_limit_terminates: bool = Field(
        False, description="whether the time limit terminates instead of truncating"
    )


class Reward(Section):
    """Weights of the terms; see the module's docstring."""

    metre: float = Field(1.0, description="a metre along the route")
    speed_gain: float = Field(0.05, description="a km/h won, below 20 km/h")
    off_road: float = Field(-0.5, description="a step off the road")
    wrong_way: float = Field(-0.5, description="a step against the direction of the lane")
    turning_away: float = Field(-0.05, description="a step that turns further off the lane")
    collision: float = Field(0.0, description="an end by collision")
    idle: float = Field(-100.0, description="an end by standing")
    time_limit: float = Field(0.0, description="an end by the time limit")


LEGACY_2021: dict[str, dict[str, Any]] = {
    "view": {"size_px": 300, "radius_m": 15.0, "frames": 1},
    "episode": {
        "duration_s": 320.0,  # 6400 ticks of 0.05 s
        "idle_s": 30.0,  # 600 ticks
        "collision_ends": False,
        "off_road_ends": False,
        "time_limit_terminates": True,
    },
    "reward": {"time_limit": 100.0},
}
"""Where carla-simulator/rllib-integration's numbers of 2021 differ from the defaults."""


class LaneSettings(ExperimentSettings):
    """What is seen, how actions are driven, what ends an episode and what is paid."""

    preset: Literal["legacy_2021"] | None = Field(
        None, description="other defaults, those of rllib-integration; null: the ones given here"
    )
    view: View = View()
    vehicle: Vehicle = Vehicle()
    episode: Episode = Episode()
    reward: Reward = Reward()

    @model_validator(mode="before")
    @classmethod
    def _preset(cls, given: Any) -> Any:
        if isinstance(given, dict) and given.get("preset") == "legacy_2021":
            given = dict(given)
            for section, values in LEGACY_2021.items():
                own = given.get(section, {})
                given[section] = {**values, **own} if isinstance(own, dict) else own
        return given


class LaneExperiment(BaseExperiment):
    """What both have in common: picture, reward, ends."""

    settings_type = LaneSettings
    settings: LaneSettings

    def reset(self, arena: Arena) -> None:
        """A drive has begun; its speed is asked of the driver's view once."""
        self._frames: deque[NDArray[np.uint8]] = deque(maxlen=self.settings.view.frames)
        self._speed = arena.observe().speed_mps
        self._s = self._begin_s = arena.metrics().s_m
        self._heading = arena.heading_error_rad
        self._steps, self._idle, self._turned = 0, 0, 0.0
        self._return = 0.0
        self._ended: str | None = None

    def update(self, arena: Arena) -> None:
        """Take the measures of a driven step."""
        metrics = arena.metrics()
        self._metrics = metrics
        self._before = self._speed, self._heading
        self._way, self._s = metrics.s_m - self._s, metrics.s_m
        self._speed = self._way / DT_S
        self._heading = arena.heading_error_rad
        self._turned += math.pi if metrics.off_road else abs(self._heading)
        self._steps += 1
        self._idle = self._idle + 1 if self._speed * KMH <= STANDING_KMH else 0
        self._ended = self._end()

    def get_observation_space(self) -> spaces.Box:
        """Pictures stacked by channel, (size, size, 3 frames) uint8, the oldest first."""
        view = self.settings.view
        return spaces.Box(0, 255, (view.size_px, view.size_px, 3 * view.frames), np.uint8)

    def get_observation(self, arena: Arena) -> tuple[NDArray[np.uint8], dict[str, Any]]:
        """The newest pictures; at the start of a drive the first one stands for those before it."""
        view = self.settings.view
        self._frames.append(arena.birds_eye(view.size_px, view.radius_m))
        while len(self._frames) < view.frames:
            self._frames.append(self._frames[-1])
        return np.concatenate(self._frames, axis=-1), {}

    def get_done_status(self, arena: Arena) -> tuple[bool, bool]:
        """(terminated, truncated); the end of the map truncates."""
        if self._ended is None:
            return False, False
        truncated = self._ended == "finished" or (
            self._ended == "time_limit" and not self.settings.episode.time_limit_terminates
        )
        return not truncated, truncated

    def compute_reward(self, arena: Arena) -> float:
        """The reward of the last step; see the module's docstring."""
        weights = self.settings.reward
        speed, heading = self._before
        reward = weights.metre * self._way
        if speed * KMH < SLOW_KMH:
            reward += weights.speed_gain * (self._speed - speed) * KMH
        if self._metrics.off_road:
            reward += weights.off_road
        if abs(self._heading) > math.pi / 2:
            reward += weights.wrong_way
        if abs(math.sin(self._heading)) > ASKEW and abs(self._heading) > abs(heading):
            reward += weights.turning_away
        if self._ended in ("collision", "idle", "time_limit"):
            reward += float(getattr(weights, self._ended))
        self._return += reward
        return reward

    def summary(self) -> dict[str, float]:
        """Figures of the drive: rates are 0 or 1, the heading's deviation a mean over steps."""
        metrics = self._metrics
        return {
            "return": self._return,
            "length": float(self._steps),
            "way_m": self._s - self._begin_s,
            "heading_deviation_rad": self._turned / self._steps,
            "success": float(self._ended in ("finished", "time_limit") and self._unharmed()),
            "collision": float(metrics.collided),
            "off_road": float(metrics.off_road),
            "idle": float(self._ended == "idle"),
        }

    def _unharmed(self) -> bool:
        return not (self._metrics.collided or self._metrics.off_road)

    def _end(self) -> str | None:
        """What ends the episode now, if anything does."""
        ends, metrics = self.settings.episode, self._metrics
        if metrics.collided and ends.collision_ends:
            return "collision"
        if metrics.off_road and ends.off_road_ends:
            return "off_road"
        if self._idle * DT_S > ends.idle_s:
            return "idle"
        if metrics.finished:
            return "finished"
        return "time_limit" if self._steps >= round(ends.duration_s / DT_S) else None

    def _control(self, throttle: float, brake: float, steer: float) -> Control:
        """Shares in [0, 1], [0, 1] and [-1, 1] (left positive) as acceleration and curvature."""
        vehicle, speed = self.settings.vehicle, max(self._speed, 0.0)
        acceleration = throttle * vehicle.throttle_mps2 - brake * vehicle.brake_mps2
        acceleration = max(acceleration - vehicle.drag_per_s * speed, -speed / DT_S)
        largest = min(vehicle.curvature, vehicle.lateral_mps2 / max(speed, 1.0) ** 2)
        return acceleration, steer * largest


class DiscreteLane(LaneExperiment):
    """29 actions: coast, brake, and throttle by steering."""

    actions: tuple[tuple[float, float, float], ...] = (
        (0.0, 0.0, 0.0),
        (0.0, 1.0, 0.0),
        *(
            (throttle, 0.0, steer)
            for throttle in THROTTLES
            for steer in STEERS
            if throttle or steer
        ),
    )
    """Throttle, brake and steering of each."""

    def get_action_space(self) -> spaces.Discrete[Any]:
        """An index into `actions`."""
        return spaces.Discrete(len(self.actions))

    def get_actions(self) -> dict[int, Control]:
        """Acceleration at standstill and share of the largest curvature, by index."""
        vehicle = self.settings.vehicle
        return {
            index: (throttle * vehicle.throttle_mps2 - brake * vehicle.brake_mps2, steer)
            for index, (throttle, brake, steer) in enumerate(self.actions)
        }

    def compute_action(self, action: Any) -> Control:
        """Acceleration and curvature of the action at the present speed.

        Raises:
            UserError: it is no index of an action.
        """
        if not 0 <= action < len(self.actions):
            count = len(self.actions)
            raise UserError(f"action is {action}, expected a whole number below {count}")
        return self._control(*self.actions[int(action)])


class ContinuousLane(LaneExperiment):
    """Two shares in [-1, 1]: brake to throttle, and right to left."""

    def get_action_space(self) -> spaces.Box:
        """(2,) float32: acceleration and curvature."""
        return spaces.Box(-1.0, 1.0, (2,), np.float32)

    def compute_action(self, action: Any) -> Control:
        """Acceleration and curvature of the shares at the present speed.

        Raises:
            UserError: a share is no number in [-1, 1].
        """
        pedal, steer = np.asarray(action, np.float64).tolist()
        if not (abs(pedal) <= 1.0 and abs(steer) <= 1.0):
            raise UserError(f"action is [{pedal}, {steer}], expected two numbers in [-1, 1]")
        return self._control(max(pedal, 0.0), max(-pedal, 0.0), steer)
