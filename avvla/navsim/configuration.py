"""The agent's yaml for the devkit's hydra, `avvla_agent.yaml`, filled in for one checkpoint."""

from __future__ import annotations

import sys
from importlib.resources import files
from pathlib import Path
from typing import Literal

import yaml

from avvla.errors import UserError

PolicyName = Literal["field_agent", "constant_velocity"]
_HEAD = "# agent/avvla_agent.yaml, written by `avvla navsim config` (docs/navsim.md)\n"


def agent_yaml(policy: PolicyName, checkpoint: Path | None, device: str) -> str:
    """The yaml of an agent that is planned for by this environment's avvla.

    Args:
        policy: which driver.
        checkpoint: folder of the Field Agent; None for the canary.
        device: torch's.

    Raises:
        UserError: a Field Agent without a checkpoint, or a checkpoint that is none.
    """
    if policy == "field_agent" and (
        checkpoint is None or not (checkpoint / "config.json").is_file()
    ):
        raise UserError(
            f"--checkpoint is {'missing' if checkpoint is None else repr(str(checkpoint))},"
            " expected a folder with a config.json: make one"
            " with `dvc repro train`, or ask for --policy constant_velocity"
        )
    text = files("avvla.navsim").joinpath("avvla_agent.yaml").read_text()
    agent = yaml.safe_load(text)
    agent |= {
        "driver": [sys.executable, "-m", "avvla.cli", "navsim", "serve"],
        "policy": policy,
        "checkpoint": "" if checkpoint is None else str(checkpoint.resolve()),
        "device": device,
    }
    return _HEAD + yaml.safe_dump(agent, sort_keys=False)
