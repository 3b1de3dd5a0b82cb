"""A file of cases in, a file of their scores out.

    {"format": "navsim-neutral-scenes/1", "cases": [...]}   scenes: scores, states that are driven
    {"format": "navsim-neutral-sim/1", "cases": [...]}      plans: states that are driven, comfort
    {"format": "navsim-neutral-ec/1", "pairs": [...]}       two plans: extended comfort

JSON, or JSON in gzip. A case that cannot be scored has zeros and `error`, and is not left out.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from avvla.errors import UserError
from avvla.evaluation.pdm import comfort
from avvla.evaluation.pdm.case import Drive, Pair, Scene, checked
from avvla.evaluation.pdm.comfort import Variant
from avvla.evaluation.pdm.scores import Scorer, names
from avvla.evaluation.pdm.tracker import interpolate, track
from avvla.files import replacing

Row = dict[str, Any]
Score = Callable[[Any, Variant, bool], Row]


@dataclass(frozen=True)
class Summary:
    """What became of a file."""

    cases: int
    failed: tuple[tuple[str, str], ...]
    """Id and reason of the cases that count as 0."""
    means: dict[str, float]
    """Of each score over all cases."""


def score_file(source: Path, output: Path, variant: Variant, *, corrected: bool) -> Summary:
    """Score all cases of a file and write the same container with their results.

    Raises:
        UserError: the file is missing, damaged, of another format, or empty.
    """
    found = _read(source)
    if found.get("format") not in FORMATS:
        raise UserError(
            f"{source} has the format {found.get('format')!r}, expected one of"
            f" {', '.join(FORMATS)} (docs/evaluation.md)"
        )
    key, score, zero = FORMATS[found["format"]]
    cases = found.get(key)
    if not isinstance(cases, list) or not cases:
        raise UserError(f"{source} has no list {key!r} with a case in it")
    rows, failed = [], []
    for number, case in enumerate(cases):
        name = case.get("id", number) if isinstance(case, dict) else number
        try:
            rows.append({"id": name, **score(case, variant, corrected)})
        except UserError as error:
            rows.append({"id": name, **zero(variant), "error": str(error)})
            failed.append((str(name), str(error)))
    _write(output, {"format": found["format"], "variant": variant, key: rows})
    scores = [row["scores"] for row in rows if "scores" in row]
    means = (
        {name: float(np.mean([row[name] for row in scores])) for name in scores[0]}
        if scores
        else {}
    )
    return Summary(len(rows), tuple(failed), means)


def _scene(case: Any, variant: Variant, corrected: bool) -> Row:
    scene = checked(Scene, case)
    scored = Scorer(scene, variant, corrected=corrected).score(scene.prediction)
    row: Row = {"scores": scored.scores[0]}
    if scored.filtered is not None:
        row["scores_human_filter"] = scored.filtered[0]
    return row | {
        "interpolated_xyh": scored.plan[0].tolist(),
        "simulated_states": scored.states[0].tolist(),
    }


def _drive(case: Any, variant: Variant, corrected: bool) -> Row:
    drive = checked(Drive, case)
    start, plan = drive.ego.state(), drive.prediction
    path = interpolate(start[:3], plan.array()[None], plan.interval_s)
    states = track(start, path, corrected=corrected)
    found = comfort.flags(comfort.signals(states, variant, corrected=corrected))
    return {
        "interpolated_xyh": path[0].tolist(),
        "simulated_states": states[0].tolist(),
        "comfort_flags": {name: bool(value[0]) for name, value in found.items()},
    }


def _pair(case: Any, variant: Variant, corrected: bool) -> Row:
    pair = checked(Pair, case)
    previous, current = (
        np.array(_drive(drive.model_dump(), variant, corrected)["simulated_states"])
        for drive in (pair.previous, pair.current)
    )
    rms, within = comfort.extended(previous, current, pair.gap_s)
    return {
        "rms": rms,
        "extended_comfort": within,
        "previous_simulated_states": previous.tolist(),
        "current_simulated_states": current.tolist(),
    }


def _no_scores(variant: Variant) -> Row:
    return {"scores": dict.fromkeys(names(variant), 0.0)}


FORMATS: dict[str, tuple[str, Score, Callable[[Variant], Row]]] = {
    "navsim-neutral-scenes/1": ("cases", _scene, _no_scores),
    "navsim-neutral-sim/1": ("cases", _drive, lambda _: {}),
    "navsim-neutral-ec/1": ("pairs", _pair, lambda _: {"extended_comfort": False}),
}


def _read(path: Path) -> dict[str, Any]:
    try:
        content = path.read_bytes()
        found = json.loads(gzip.decompress(content) if path.suffix == ".gz" else content)
    except FileNotFoundError:
        raise UserError(f"{path} does not exist: give a file of cases") from None
    except (OSError, EOFError, zlib.error, ValueError) as error:
        raise UserError(f"{path} cannot be read as JSON ({error}): copy it again") from None
    if not isinstance(found, dict):
        raise UserError(f"{path} holds a {type(found).__name__}, expected an object with `format`")
    return found


def _write(path: Path, found: Row) -> None:
    content = (json.dumps(found, allow_nan=False) + "\n").encode()
    with replacing(path) as temporary:
        temporary.write_bytes(gzip.compress(content, mtime=0) if path.suffix == ".gz" else content)
