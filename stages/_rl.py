"""What the stages of pipelines/rl share."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from avvla.rl.reading import load_settings

DRIVERS = Path("models/rl")
RESULTS = Path("results/rl")
read = partial(load_settings, Path("pipelines/rl/params.yaml"))
