"""`avvla actions`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from avvla.cli.command import add_command, add_group

if TYPE_CHECKING:
    from avvla.cli.command import Group


def add(top: Group) -> None:
    """The group."""
    actions = add_group(top, "actions", "acceleration and curvature of driven paths")
    fit = add_command(actions, "fit", "fit actions to the windows of an npz file", _actions_fit)
    fit.add_argument(
        "--input",
        type=Path,
        required=True,
        metavar="T.npz",
        help="xy (N, 80, 2) [m], yaw (N, 80) [rad], optional v (N, 80) [m/s], dt [s]",
    )
    fit.add_argument(
        "--output",
        type=Path,
        required=True,
        metavar="A.npz",
        help="v0, action (N, 64, 2), trajectory (N, 64, 3), ade, fde, max_error, valid, reason",
    )
    fit.add_argument(
        "--integrator",
        choices=("euler", "trapezoid"),
        default="euler",
        help="unicycle integrator (default: %(default)s)",
    )
    fit.add_argument(
        "--method",
        choices=("joint", "sequential"),
        default="joint",
        help="close and smooth, or as Alpamayo fits (default: %(default)s)",
    )


def _actions_fit(arguments: argparse.Namespace) -> int:
    from avvla.actions.files import fit_file

    done = fit_file(arguments.input, arguments.output, arguments.integrator, arguments.method)
    print(f"{arguments.output}: {done.valid} of {done.windows} windows fitted", end="")
    if done.valid:
        print(f", mean ADE {done.ade_mean:.4f} m, FDE {done.fde_mean:.4f} m", end="")
    if done.reasons:
        told = ", ".join(f"{count} {reason}" for reason, count in done.reasons.most_common())
        print(f"; left out: {told}", end="")
    print()
    return 0
