"""`avvla navsim`."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from avvla.cli.command import add_command, add_group

if TYPE_CHECKING:
    from avvla.cli.command import Group
    from avvla.navsim.scores import Result

OUTPUT = Path("results/navsim/metrics.json")
POLICIES = ("field_agent", "constant_velocity")


def add(top: Group) -> None:
    """The group."""
    navsim = add_group(top, "navsim", "the agent in NAVSIM's devkit, and the devkit's scores")
    config = add_command(
        navsim, "config", "print the agent's yaml for the devkit (docs/navsim.md)", _config
    )
    config.add_argument("--checkpoint", type=Path, metavar="DIR", help="folder of a Field Agent")
    config.add_argument(
        "--policy",
        choices=POLICIES,
        default=POLICIES[0],
        help="the canary constant_velocity needs no checkpoint (default: %(default)s)",
    )
    config.add_argument(
        "--device", default="cpu", help="torch device of the driver (default: %(default)s)"
    )
    add_command(
        navsim, "serve", "plan for an agent inside the devkit, which starts this itself", _serve
    )
    scores = add_command(
        navsim, "import", "check the devkit's scores and write them as metrics", _import
    )
    scores.add_argument("csv", type=Path, metavar="CSV", help="in the devkit's output folder")
    # Not `choices`: what is wrong with a score is told in a sentence, with exit code 1.
    scores.add_argument("--version", required=True, help="of the metric: v1.1 or v2.2")
    scores.add_argument("--split", required=True, help="train_test_split of the run")
    scores.add_argument("--commit", required=True, metavar="SHA", help="of the devkit that was run")
    scores.add_argument(
        "--output",
        type=Path,
        default=OUTPUT,
        metavar="FILE",
        help="to write (default: %(default)s)",
    )


def _config(arguments: argparse.Namespace) -> int:
    from avvla.navsim.configuration import agent_yaml

    print(agent_yaml(arguments.policy, arguments.checkpoint, arguments.device), end="")
    return 0


def _serve(_: argparse.Namespace) -> int:
    from avvla.navsim.driver import serve

    # Whatever a library prints must not get between the replies.
    replies = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    with replies:
        serve(sys.stdin.buffer, replies)
    return 0


def _import(arguments: argparse.Namespace) -> int:
    from avvla.navsim.scores import import_scores
    from avvla.results import write_metrics

    result = import_scores(arguments.csv, arguments.version, arguments.split, arguments.commit)
    write_metrics(arguments.output, result.metrics())
    for token in result.failed[:5]:
        print(f"avvla: scene {token} failed and counts as 0", file=sys.stderr)
    if len(result.failed) > 5:
        print(f"avvla: and {len(result.failed) - 5} more", file=sys.stderr)
    print("\n".join(_told(result)))
    print(f"{arguments.output}: {result.scenes} scenes, {len(result.failed)} failed")
    return 1 if result.failed else 0


def _told(result: Result) -> list[str]:
    """The score with what it has to be seen beside."""
    from avvla.navsim import leaderboard

    told = [f"{name:<48} {100 * mean:6.2f}" for name, mean in result.means.items()]
    told.append(f"{result.metric + ' on ' + result.split:<48} {100 * result.score:6.2f}")
    if result.failed:
        without = "the devkit's, without the scenes that failed"
        told.append(f"{without:<48} {100 * result.devkit_score:6.2f}")
    told += [
        f"NAVSIM {result.version}, commit {result.commit}",
        "canaries, PDMS on navtest (v1.1): constant velocity"
        f" {leaderboard.CONSTANT_VELOCITY}, human {leaderboard.HUMAN}; run both first: an"
        " environment that gives other figures cannot be trusted",
    ]
    if result.filter_mended is False:
        told.append(
            "the devkit is from before 2025-09-29 (its human filter leaves totals as they were):"
            " not comparable with later scores"
        )
    board = result.board
    if board is None:
        return [*told, "no published figures are known that it can be compared with"]
    told.append(f"published, {board.title}, as of {board.as_of}:")
    place = [(entry.score, f"{entry.name} ({entry.source})") for entry in board.entries]
    place.append((100 * result.score, "<- this score"))
    return told + [
        f"  {score:6.2f}  {name}" for score, name in sorted(place, key=lambda row: -row[0])
    ]
