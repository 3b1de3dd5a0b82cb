"""`avvla alpasim logs`."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from avvla.cli.command import add_command, add_group
from avvla.errors import UserError

if TYPE_CHECKING:
    from avvla.alpasim.rollouts import Rollout
    from avvla.cli.command import Group


def add(alpasim: Group) -> None:
    """The group."""
    logs = add_group(alpasim, "logs", "the logs of a run: listed, summed up, pruned, exported")
    listing = add_command(logs, "list", "the rollouts of a run", _list)
    _run_folder(listing)
    summary = add_command(logs, "summary", "how far each rollout came, and how it went", _summary)
    _run_folder(summary)
    summary.add_argument("--json", action="store_true", help="as JSON, with all there is to tell")
    prune = add_command(logs, "prune", "remove the rollouts that did not end", _prune)
    _run_folder(prune)
    prune.add_argument("--delete", action="store_true", help="do it; else it is only told")
    export = add_command(logs, "export", "a log as Parquet tables, and as videos", _export)
    export.add_argument("log", type=Path, metavar="LOG.asl", help="log of a rollout")
    export.add_argument(
        "--output", type=Path, required=True, metavar="DIR", help="folder that is made"
    )
    export.add_argument("--video", action="store_true", help="with an mp4 of each camera")


def _run_folder(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, metavar="RUN", help="run folder (wizard.log_dir)")


def _list(arguments: argparse.Namespace) -> int:
    from avvla.alpasim.rollouts import find

    found = find(arguments.folder)
    for rollout in found:
        print(f"{_state(rollout)} {rollout.bytes / 1e6:10.1f} MB  {rollout.folder}")
    done = sum(rollout.complete for rollout in found)
    size = sum(rollout.bytes for rollout in found)
    print(f"{len(found)} rollouts, {done} complete, {size / 1e9:.3f} GB")
    return 0


def _summary(arguments: argparse.Namespace) -> int:
    from avvla.alpasim.results import of_all
    from avvla.alpasim.rollouts import find

    metrics = of_all(arguments.folder)
    rows = [_row(rollout, arguments.folder, metrics) for rollout in find(arguments.folder)]
    if arguments.json:
        print(json.dumps(rows, indent=2, sort_keys=True))
        return 0
    for row in rows:
        print(
            f"{row['scene']}/{row['rollout']}: {'complete' if row['complete'] else 'incomplete'},"
            f" {row['steps']} of {row['n_sim_steps']} steps, {row['duration_s']:.1f} s,"
            f" {row['bytes'] / 1e6:.1f} MB"
        )
        for problem in row["problems"]:
            print(f"  {problem}")
        told = (f"{name} {value:.4g}" for name, value in row["metrics"].items())
        print(f"  {', '.join(told) or 'not evaluated'}")
    print(f"{len(rows)} rollouts")
    return 0


def _row(
    rollout: Rollout, run: Path, of_all: dict[tuple[str, str], dict[str, float]]
) -> dict[str, Any]:
    from avvla.alpasim.results import of_one
    from avvla.alpasim.summary import read

    logs = [read(path) for path in rollout.logs]
    problems = [f"{log.path.name}: {log.problem}" for log in logs if log.problem]
    problems += [] if logs else ["no log"]
    metrics = of_all.get((rollout.scene_id, rollout.id), {})
    try:
        metrics = metrics or of_one(rollout, run)
    except UserError as error:  # as of a run that was killed while it wrote
        problems.append(str(error))
    wanted = [log.metadata.steps for log in logs if log.metadata is not None]
    # A rollout is one log; several are attempts at it.
    best = max(logs, key=lambda log: log.steps, default=None)
    return {
        "scene": rollout.scene_id,
        "rollout": rollout.id,
        "complete": rollout.complete,
        "steps": best.steps if best else 0,
        "n_sim_steps": max(wanted, default=0),
        "drives": best.drives if best else 0,
        "duration_s": best.duration_s if best else 0.0,
        "bytes": rollout.bytes,
        "image_bytes": sum(log.image_bytes for log in logs),
        "entries": best.counts if best else {},
        "problems": problems,
        "metrics": metrics,
    }


def _prune(arguments: argparse.Namespace) -> int:
    from avvla.alpasim.rollouts import find, incomplete, remove

    found = incomplete(find(arguments.folder))
    for rollout in found:
        print(f"{rollout.bytes / 1e6:10.1f} MB  {rollout.folder}")
    size = sum(rollout.bytes for rollout in found)
    if arguments.delete:
        remove(found)
        print(f"{len(found)} incomplete rollouts removed, {size} bytes freed")
    else:
        print(f"{len(found)} incomplete rollouts, {size} bytes: --delete removes them")
    return 0


def _export(arguments: argparse.Namespace) -> int:
    from avvla.alpasim.export import export

    done = export(arguments.log, arguments.output, video=arguments.video)
    for name, count in done.rows.items():
        print(f"{arguments.output / name}.parquet: {count} rows")
    if arguments.video:
        for camera, count in done.frames.items():
            print(f"{camera}: {count} frames")
    if done.problem:
        print(f"{arguments.log}: {done.problem}; exported is what lies before it")
    return 0


def _state(rollout: Rollout) -> str:
    return "complete  " if rollout.complete else "incomplete"
