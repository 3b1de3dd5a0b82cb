"""What the stages of reinforcement learning share; apart, as they read parameters of their own."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from avvla.errors import UserError
from avvla.rl.reading import load_settings
from avvla.rl.settings import Settings

PARAMS = Path("pipelines/rl/params.yaml")
DRIVERS = Path("models/rl")
RESULTS = Path("results/rl")


def run(stage: Callable[[Settings], None]) -> None:
    """Run a stage with its parameters; exit with 1 on bad input, with 130 when interrupted."""
    try:
        stage(load_settings(PARAMS))
    except UserError as error:
        sys.exit(f"error: {' '.join(str(error).split())}")
    except KeyboardInterrupt:
        sys.exit(130)
