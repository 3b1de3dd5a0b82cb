"""The result of a run as metrics: each number with the version, the scenes and how it is counted.

What an evaluation left differs by version: a table of the run and a summary (newest), a table of
the run, or only metrics per time step, which are then aggregated here by the same rules.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from avvla.alpasim import aggregation, results
from avvla.alpasim.rollouts import FOLDERS, Rollout, find
from avvla.alpasim.run_folder import METADATA, WIZARD, RunFolder
from avvla.alpasim.yaml_file import read
from avvla.errors import UserError

SUMMARY = "aggregate/results-summary.json"
TABLE = "aggregate/metrics_results.parquet"
SCORES = {
    "scene_score": (
        "mean over rollouts; 0 after a collision at fault or a departure from the road, else the"
        " relative progress over 0.8, at most 1; 1 where the recorded path is shorter than 5 m;"
        " `criteria` are the run's own words"
    ),
    "avg_dist_between_incidents_at_fault": (
        "kilometres driven per collision at fault or departure from the road; null without one"
    ),
}
"""How the number that stands for a run is counted: newer versions have a score, older ones not."""
VIOLATIONS = ("collision_at_fault", "collision_rear", "offroad", "dist_to_gt_trajectory")
_NOT_METRICS = {"run_name", "run_uuid", "n_rollouts", "n_clips", "rollout_uid"}


def collect(run: Path, suite: str | None = None) -> dict[str, Any]:
    """The metrics of a run; `suite` names the test suite where the folder does not.

    Raises:
        UserError: the run has not been evaluated, or a file of its result is damaged.
    """
    folder = RunFolder(run)
    layout = folder.layout
    summary, run_metrics = _summary(run), _of_run(run)
    rollouts = find(run) if any((run / name).is_dir() for name in FOLDERS) else []
    per_rollout = results.of_all(run) or {
        (rollout.scene_id, rollout.id): metrics
        for rollout in rollouts
        if (metrics := results.of_one(rollout, run))
    }
    if not run_metrics and not summary:
        raise UserError(
            f"{run} has no result ({TABLE}, {' or '.join(results.EVALUATED)}), expected a run that"
            " was evaluated: `avvla alpasim up RUN --role sim`"
        )
    return {
        "alpasim": {
            "version": layout.image,
            "evaluation": layout.evaluation,
            "images": _images(folder),
        },
        "run": _identity(run),
        "scenes": _scenes(folder, rollouts, suite, per_rollout),
        "score": _score(summary, run_metrics),
        "metrics": {
            name: {"value": value} | ({} if deviation is None else {"std_over_rollouts": deviation})
            for name, (value, deviation) in run_metrics.items()
        },
        "violations": _violations(run, per_rollout),
    }


def _of_run(run: Path) -> dict[str, tuple[float, float | None]]:
    """Mean and deviation of each metric over the rollouts of the run."""
    if (run / TABLE).exists():
        try:
            rows = pd.read_parquet(run / TABLE)
        except (OSError, ValueError, pa.ArrowException) as error:
            line = " ".join(str(error).split())
            raise UserError(f"{run / TABLE} cannot be read ({line:.200}): copy it again") from None
        if len(rows) != 1:
            raise UserError(f"{run / TABLE} has {len(rows)} rows, expected that of one run")
        row = {str(name): value for name, value in rows.iloc[0].items()}
        return {
            name: (float(value), results.as_number(row.get(f"{name}_std")))
            for name, value in sorted(row.items())
            if name not in _NOT_METRICS
            and not name.endswith("_std")
            and results.as_number(value) is not None
        }
    path = results.evaluated(run)
    if path is not None:
        rollouts = aggregation.over_time(aggregation.read(path), results.largest_distance_m(run))
        if rollouts.empty:
            raise UserError(f"{path} has no rollout that counts: every image was black")
        return aggregation.over_rollouts(rollouts)
    return {}


def _summary(run: Path) -> dict[str, Any]:
    path = run / SUMMARY
    if not path.exists():
        return {}
    try:
        found: Any = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise UserError(f"{path} cannot be read as JSON ({error}): copy it again") from None
    version = found.get("schema_version") if isinstance(found, dict) else None
    if version != 1 or not isinstance(found.get("rollouts"), list):
        raise UserError(
            f"{path} has the schema_version {version!r}, expected 1 with a list of rollouts: it is"
            " of a version of Alpasim that is not known here"
        )
    return dict(found)


def _score(
    summary: Mapping[str, Any], metrics: Mapping[str, tuple[float, float | None]]
) -> dict[str, Any]:
    scores = [
        number
        for rollout in summary.get("rollouts", ())
        if isinstance(rollout, dict)
        and (number := results.as_number(rollout.get("score"))) is not None
    ]
    if scores:
        name, value = "scene_score", sum(scores) / len(scores)
        found: dict[str, Any] = {"rollouts": len(scores)}
        if "score_criteria" in summary:
            found["criteria"] = summary["score_criteria"]
    else:
        name, found = "avg_dist_between_incidents_at_fault", {}
        value = metrics.get(name, (math.nan, None))[0]
    return found | {"name": name, "value": value, "definition": SCORES[name]}


def _violations(
    run: Path, per_rollout: Mapping[tuple[str, str], Mapping[str, float]]
) -> list[dict[str, Any]]:
    """The rollouts in which something happened, with what, and their videos."""
    largest_m = results.largest_distance_m(run)
    found = []
    for (scene, rollout), metrics in sorted(per_rollout.items()):
        happened = {
            name: metrics[name]
            for name in VIOLATIONS
            if metrics.get(name, 0.0) >= (largest_m if name == "dist_to_gt_trajectory" else 1e-9)
        }
        if happened:
            # The older evaluation puts a stray "<built-in method ...>" into the names.
            videos = sorted(
                path.relative_to(run).as_posix()
                for path in run.rglob("*.mp4")
                if scene in path.as_posix() and rollout in path.as_posix() and not path.is_symlink()
            )
            found.append(
                {"scene": scene, "rollout": rollout, "metrics": happened, "videos": videos}
            )
    return found


def _scenes(
    folder: RunFolder,
    rollouts: list[Rollout],
    suite: str | None,
    per_rollout: Mapping[tuple[str, str], Mapping[str, float]],
) -> dict[str, Any]:
    """What was driven, how often, and what of it counts."""
    steps = sorted({made.n_sim_steps for user in folder.users for _, made in user.simulations})
    return {
        "suite": suite or _suite(folder.path),
        "count": len({scene for user in folder.users for scene in user.scene_ids}),
        "n_sim_steps": steps[0] if len(steps) == 1 else steps,
        "n_rollouts": max(
            (made.n_rollouts for user in folder.users for _, made in user.simulations), default=0
        ),
        "rollouts": {
            "started": len(rollouts),
            "complete": sum(rollout.complete for rollout in rollouts),
            "evaluated": len(per_rollout),
        },
    }


def _suite(run: Path) -> str:
    """The test suite, as the run's metadata or the wizard's configuration name it."""
    for name, keys in ((METADATA, ("test_suite_id",)), (WIZARD, ("scenes", "test_suite_id"))):
        if (run / name).exists():
            value: Any = read(run / name).plain
            for key in keys:
                value = value.get(key) if isinstance(value, dict) else None
            if isinstance(value, str) and value:
                return value
    return "chosen scenes"


def _identity(run: Path) -> dict[str, Any]:
    found = read(run / METADATA).plain if (run / METADATA).exists() else {}
    values = {key: found.get(f"run_{key}") for key in ("name", "uuid")}
    return {key: None if value is None else str(value) for key, value in values.items()}


def _images(folder: RunFolder) -> dict[str, str]:
    return {name: made.image for name, made in sorted(folder.compose.services.items())}
