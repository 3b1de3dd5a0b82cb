"""How well a driver drives on roads that no training draws, and how well chance does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from avvla.rl.driver import Driver, RandomDriver
from avvla.rl.environment import ROAD, make_environment, unseen_roads
from avvla.rl.settings import Settings

Figures = dict[str, float]


def drive(settings: Settings, driver: Driver, roads: Sequence[int]) -> list[Figures]:
    """The experiment's summary of an episode on each road; all are driven in step.

    Args:
        settings: world and experiment.
        driver: who acts; it does not explore.
        roads: seeds of the arena.
    """
    environments = [make_environment(settings) for _ in roads]
    try:
        observations = {
            index: environment.reset(options={ROAD: road})[0]
            for index, (environment, road) in enumerate(zip(environments, roads, strict=True))
        }
        done: dict[int, Figures] = {}
        while observations:
            under_way = list(observations)
            actions = driver.act(np.stack([observations[index] for index in under_way]))
            for index, action in zip(under_way, actions, strict=True):
                seen, _, terminated, truncated, info = environments[index].step(action)
                observations[index] = seen
                if terminated or truncated:
                    del observations[index]
                    done[index] = {name: float(value) for name, value in info.items()}
    finally:
        for environment in environments:
            environment.close()
    return [done[index] for index in range(len(roads))]


def by_chance(settings: Settings, roads: Sequence[int]) -> list[Figures]:
    """`drive` with actions drawn from the whole action space."""
    environment = make_environment(settings)
    space = environment.action_space
    environment.close()
    return drive(settings, RandomDriver(space, settings.seed), roads)


def summarise(episodes: Sequence[Figures]) -> dict[str, Any]:
    """Means over episodes, and how many there were."""
    means = {name: float(np.mean([row[name] for row in episodes])) for name in episodes[0]}
    return {"n": len(episodes), **means}


def evaluate(settings: Settings, driver: Driver) -> dict[str, Any]:
    """Means of the configured number of episodes on unseen roads."""
    return summarise(drive(settings, driver, unseen_roads(settings.evaluation.episodes)))


def baseline(settings: Settings) -> dict[str, Any]:
    """The same by chance, on the same roads."""
    return summarise(by_chance(settings, unseen_roads(settings.evaluation.episodes)))
