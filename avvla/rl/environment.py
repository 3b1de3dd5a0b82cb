"""An experiment in an arena as a Gymnasium environment."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np

from avvla.rl.embedded import EmbeddedArena
from avvla.rl.experiment import BaseExperiment
from avvla.rl.reading import experiment_of, settings_of
from avvla.rl.settings import Embedded, InCarla, Settings
from avvla.world.arena import Arena

UNSEEN = 2**31
"""Training draws its roads' seeds below this, evaluation from here on."""
ROAD = "road"
"""Key of the options of `reset` that names an arena's seed."""


class ArenaEnv(gymnasium.Env[Any, Any]):
    """One episode is one drive.

    The last step's `info` has the experiment's summary. `reset(options={"road": seed})` drives the
    arena's drive of that seed, else one is drawn below UNSEEN.

    Args:
        arena: where to drive.
        experiment: what is to be learnt there.
    """

    metadata = {"render_modes": []}  # noqa: RUF012

    def __init__(self, arena: Arena, experiment: BaseExperiment) -> None:
        self._arena, self._experiment = arena, experiment
        self.observation_space = experiment.get_observation_space()
        self.action_space = experiment.get_action_space()

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Start a drive; equal seeds give equal drives."""
        super().reset(seed=seed, options=options)
        road = (options or {}).get(ROAD)
        self._arena.reset(int(self.np_random.integers(UNSEEN)) if road is None else int(road))
        self._experiment.reset(self._arena)
        return self._experiment.get_observation(self._arena)

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Drive one action for 0.1 s.

        Raises:
            UserError: the action is none of the action space.
        """
        arena, experiment = self._arena, self._experiment
        arena.step(*experiment.compute_action(action))
        experiment.update(arena)
        observation, info = experiment.get_observation(arena)
        terminated, truncated = experiment.get_done_status(arena)
        reward = experiment.compute_reward(arena)
        if terminated or truncated:
            info = {**info, **experiment.summary()}
        return observation, reward, terminated, truncated, info

    def close(self) -> None:
        """Give back what the arena holds."""
        self._arena.close()


def make_environment(settings: Settings) -> ArenaEnv:
    """The environment of a configuration.

    Raises:
        UserError: the experiment or the world cannot be made.
    """
    return ArenaEnv(make_arena(settings.world), experiment_of(settings))


def make_arena(world: Embedded | InCarla) -> Arena:
    """The arena of the chosen backend."""
    if isinstance(world, InCarla):
        from avvla.carla import arena

        return arena.make_arena(world)
    return EmbeddedArena(world.families, world.randomisation)


def from_plain(plain: dict[str, Any]) -> ArenaEnv:
    """The environment of a configuration as it travels to other processes."""
    return make_environment(settings_of(plain))


def unseen_roads(count: int) -> list[int]:
    """Seeds of drives that no training draws."""
    return (UNSEEN + np.arange(count)).tolist()
