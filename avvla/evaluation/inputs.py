"""The text files that the report is made from: metrics, curves and dvc.lock."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import yaml

from avvla.errors import UserError

UPSTREAM = ("download", "label", "fit_actions", "build_dataset", "train", "evaluate")
"""Stages before the report, in order."""


def read_metrics(path: Path) -> dict[str, Any]:
    """A stage's metrics.json.

    Raises:
        UserError: it is missing or no JSON object.
    """
    stage = path.parent.name
    try:
        metrics = json.loads(path.read_text())
    except FileNotFoundError:
        raise UserError(f"{path} is missing: run `dvc repro {stage}`") from None
    except (OSError, ValueError) as error:
        raise UserError(f"{path} cannot be read ({error}): run `dvc repro -f {stage}`") from None
    if not isinstance(metrics, dict):
        raise UserError(f"{path} is no JSON object: run `dvc repro -f {stage}`")
    return metrics


def read_curve(path: Path) -> dict[str, list[float]]:
    """The columns of a TSV written by `avvla.results.write_curve`.

    Raises:
        UserError: it is missing or holds something else than numbers below its header.
    """
    try:
        header, *rows = csv.reader(path.read_text().splitlines(), delimiter="\t")
        columns = zip(*([float(cell) for cell in row] for row in rows), strict=True)
        return dict(zip(header, map(list, columns), strict=True))
    except FileNotFoundError:
        raise UserError(f"{path} is missing: run `dvc repro`") from None
    except (OSError, ValueError) as error:
        raise UserError(f"{path} is no table of numbers ({error}): run `dvc repro -f`") from None


def hashes(lock: Path) -> list[tuple[str, str, str, str]]:
    """Stage, path, MD5 and size of what the stages before the report wrote.

    Raises:
        UserError: dvc.lock is damaged.
    """
    if not lock.exists():
        return []
    try:
        stages = yaml.safe_load(lock.read_text())["stages"]
        return [
            (stage, out["path"], out["md5"], f"{out['size'] / 1e6:.2f} MB")
            for stage in UPSTREAM
            for out in stages.get(stage, {}).get("outs", [])
        ]
    except (OSError, ValueError, KeyError, TypeError, AttributeError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())
        raise UserError(f"{lock} cannot be read ({reason}): run `git checkout {lock}`") from None
