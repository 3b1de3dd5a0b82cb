"""Metrics and curves in DVC's formats: sorted JSON and one TSV a curve, always the same bytes."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from avvla.files import replacing

DIGITS = 5


def rounded(value: Any) -> Any:
    """Numbers to DIGITS decimals, infinities and NaN to null, containers alike."""
    if isinstance(value, Mapping):
        return {str(key): rounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(item) for item in value]
    if isinstance(value, float):
        return round(value, DIGITS) if math.isfinite(value) else None
    return value


def write_metrics(path: Path, metrics: Mapping[str, Any]) -> None:
    """Write metrics.json, whole or not at all."""
    write_text(path, json.dumps(rounded(metrics), indent=2, sort_keys=True) + "\n")


def write_curve(path: Path, columns: Sequence[str], rows: Iterable[Sequence[float | int]]) -> None:
    """Write a TSV with a header that `dvc plots` reads."""
    lines = ["\t".join(columns)]
    lines += ["\t".join(f"{value:.6g}" for value in row) for row in rows]
    write_text(path, "\n".join(lines) + "\n")


def write_text(path: Path, text: str) -> None:
    """Write a file, whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_text(text)
