"""Configurations of reinforcement learning that train in seconds."""

from __future__ import annotations

from typing import Any

SMALL: dict[str, Any] = {
    "experiment": {
        "class": "avvla.rl.lane:DiscreteLane",
        "view": {"size_px": 24, "frames": 1},
        "episode": {"duration_s": 2.0},
    },
    "learn": {
        "algorithm": "dqn",
        "network": {"conv": [[4, 8, 4]], "hidden": [16]},
        "learning_starts": 64,
        "batch_size": 16,
        "buffer_size": 500,
    },
    "runners": {"envs": 2},
    "stop": {"steps": 1000, "ram_percent": 100},
    "checkpoints": {"every": 1000, "keep": 2},
    "evaluation": {"episodes": 2},
}
CONTINUOUS: dict[str, Any] = {
    **SMALL,
    "experiment": {**SMALL["experiment"], "class": "avvla.rl.lane:ContinuousLane"},
    "learn": {
        "algorithm": "ppo",
        "network": SMALL["learn"]["network"],
        "batch_size": 500,
        "minibatch_size": 100,
        "epochs": 1,
    },
}


def merged(given: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """A configuration with changes, section by section."""
    result = dict(given)
    for name, value in changes.items():
        nested = isinstance(value, dict) and isinstance(result.get(name), dict)
        result[name] = merged(result[name], value) if nested else value
    return result
