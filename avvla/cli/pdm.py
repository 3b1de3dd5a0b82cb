"""`avvla pdm`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from avvla.cli.command import add_command, add_group

if TYPE_CHECKING:
    from avvla.cli.command import Group

VARIANTS = ("pdms_v1.1", "epdms_v2.2")


def add(top: Group) -> None:
    """The group."""
    pdm = add_group(top, "pdm", "NAVSIM's PDM scores of planned trajectories")
    score = add_command(pdm, "score", "score the plans of a file of cases", _score)
    score.add_argument(
        "--cases", type=Path, required=True, metavar="FILE.json[.gz]", help="docs/evaluation.md"
    )
    score.add_argument(
        "--variant", choices=VARIANTS, required=True, help="PDMS of navtest, or EPDMS of navhard"
    )
    score.add_argument(
        "--output", type=Path, required=True, metavar="FILE.json[.gz]", help="the scores by case"
    )
    score.add_argument(
        "--corrected",
        action="store_true",
        help="mend the devkit's quirks; the numbers are then not the leaderboard's",
    )


def _score(arguments: argparse.Namespace) -> int:
    from avvla.evaluation.pdm.files import score_file

    done = score_file(
        arguments.cases, arguments.output, arguments.variant, corrected=arguments.corrected
    )
    for name, reason in done.failed:
        print(f"avvla: case {name} counts as 0: {' '.join(reason.split())}", file=sys.stderr)
    for name, mean in done.means.items():
        print(f"{name:<32} {mean:.4f}")
    kind = f"{arguments.variant}{', corrected' if arguments.corrected else ''}"
    print(f"{arguments.output}: {done.cases} cases, {len(done.failed)} failed, {kind}")
    return 1 if done.failed else 0
