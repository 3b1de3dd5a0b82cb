"""What the stages of pipelines/alpasim share."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from avvla.config.alpasim import AlpasimParams
from avvla.params import load

PARAMS = Path("pipelines/alpasim/params.yaml")
RESULT = Path("results/alpasim/metrics.json")
read = partial(load, AlpasimParams, PARAMS)
