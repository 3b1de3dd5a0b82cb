"""What the stages of pipelines/alpasim share."""

from __future__ import annotations

from pathlib import Path

PARAMS = Path("pipelines/alpasim/params.yaml")
RESULT = Path("results/alpasim/metrics.json")
