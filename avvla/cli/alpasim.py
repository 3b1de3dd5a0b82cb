"""`avvla alpasim`."""

from __future__ import annotations

import argparse
import math
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from avvla.cli import alpasim_logs, alpasim_scenes
from avvla.cli.command import add_command, add_group, only_beside
from avvla.cli.driver import NO_CHECKPOINT, POLICIES

if TYPE_CHECKING:
    from avvla.alpasim.run_folder import Role
    from avvla.cli.command import Group

ROLES = ("sim", "driver")
ONLY = (
    ("policy", None, "role", ("driver",)),
    ("checkpoint", None, "policy", ("smolvla",)),
)
_OTHER: dict[str | None, Role] = {"sim": "driver", "driver": "sim"}
RESULT, PAGE = Path("results/alpasim/metrics.json"), Path("results/alpasim/report.html")


def add(top: Group) -> None:
    """The group."""
    alpasim = add_group(top, "alpasim", "Alpasim on two hosts: simulation here, driver there")
    _add_configure(alpasim)
    check = add_command(alpasim, "check", "find what would stop a run, or change it", _check)
    _run_folder(check)
    check.add_argument("--role", choices=ROLES, help="the host that the folder is on")
    check.add_argument(
        "--other", type=Path, metavar="RUN", help="the run folder of the other host, to compare"
    )
    check.add_argument(
        "--probe", action="store_true", help="ask the driver over the network, look at the GPU"
    )
    up = add_command(alpasim, "up", "start this host's part, follow it, evaluate, stop", _up)
    _run_folder(up)
    up.add_argument("--role", choices=ROLES, required=True, help="what this host is")
    up.add_argument(
        "--policy", choices=POLICIES, help="role driver: serve ours instead of the stock driver"
    )
    up.add_argument("--checkpoint", type=Path, metavar="DIR", help="of the policy smolvla")
    up.add_argument("--print", action="store_true", help="show the commands and run nothing")
    up.add_argument(
        "--timeout-s",
        type=float,
        default=600.0,
        metavar="S",
        help="longest wait for a service or the driver (default: %(default)s)",
    )
    collect = add_command(alpasim, "collect", "the metrics of an evaluated run", _collect)
    _run_folder(collect)
    collect.add_argument(
        "--output",
        type=Path,
        default=RESULT,
        metavar="FILE.json",
        help="to write (default: %(default)s)",
    )
    collect.add_argument("--suite", metavar="ID", help="test suite, where the run does not name it")
    report = add_command(alpasim, "report", "the collected metrics as a page", _report)
    report.add_argument(
        "--metrics",
        type=Path,
        default=RESULT,
        metavar="FILE.json",
        help="as `collect` writes it (default: %(default)s)",
    )
    report.add_argument(
        "--output",
        type=Path,
        default=PAGE,
        metavar="FILE.html",
        help="to write (default: %(default)s)",
    )
    alpasim_scenes.add(alpasim)
    alpasim_logs.add(alpasim)


def _add_configure(alpasim: Group) -> None:
    configure = add_command(
        alpasim, "configure", "change a run folder: driver, scenes, steps, cameras", _configure
    )
    _run_folder(configure)
    configure.add_argument(
        "--driver-host", metavar="HOST:PORT", help="the driver as the simulation host reaches it"
    )
    configure.add_argument(
        "--role", choices=ROLES, help="the host that the folder is for (default: either)"
    )
    configure.add_argument(
        "--scene", action="append", metavar="ID", help="scene to drive; may be repeated"
    )
    configure.add_argument("--steps", type=int, metavar="N", help="control steps of a rollout")
    configure.add_argument(
        "--cameras", nargs="+", metavar="ID", help="of runtime and driver, by logical id"
    )
    configure.add_argument(
        "--resolution", type=_size, metavar="WxH", help="of all cameras [pixels]"
    )
    configure.add_argument("--dry-run", action="store_true", help="show the difference only")


def _run_folder(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, metavar="RUN", help="run folder (wizard.log_dir)")


def _size(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"([0-9]{1,5})x([0-9]{1,5})", text)
    if match is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no size, expected WxH, as 1920x1080")
    return int(match[1]), int(match[2])


def _configure(arguments: argparse.Namespace) -> int:
    from avvla.alpasim.configuration import Wanted, changes, write
    from avvla.alpasim.run_folder import RunFolder

    folder = RunFolder(arguments.folder)
    wanted = Wanted(
        driver=arguments.driver_host,
        role=arguments.role,
        scenes=None if arguments.scene is None else tuple(arguments.scene),
        steps=arguments.steps,
        cameras=None if arguments.cameras is None else tuple(arguments.cameras),
        resolution=arguments.resolution,
    )
    layout = folder.layout
    return alpasim_scenes.show(
        changes(folder, wanted),
        write,
        f"{arguments.folder}: Alpasim {layout.image}, {layout.network} and {layout.user}",
        dry_run=arguments.dry_run,
    )


def _check(arguments: argparse.Namespace) -> int:
    from avvla.alpasim.parity import folders_match
    from avvla.alpasim.rules import check
    from avvla.alpasim.run_folder import RunFolder

    folder = RunFolder(arguments.folder)
    found = check(folder, arguments.role)
    if arguments.other is not None:
        other = RunFolder(arguments.other)
        found += [*check(other, _OTHER.get(arguments.role)), *folders_match(folder, other)]
    if arguments.probe:
        from avvla.alpasim.host_check import probe

        lines, more = probe(folder, arguments.role)
        print(*lines, sep="\n")
        found += more
    for finding in found:
        print(finding)
    errors = sum(finding.severity == "error" for finding in found)
    layout = folder.layout
    print(
        f"{arguments.folder}: Alpasim {layout.image}, {layout.network} and {layout.user}:"
        f" {errors} errors, {len(found) - errors} warnings"
    )
    return 1 if errors else 0


def _up(arguments: argparse.Namespace) -> int:
    from avvla.alpasim.launch import plan
    from avvla.alpasim.run_folder import RunFolder
    from avvla.errors import UserError

    serve = None
    only_beside(arguments, ONLY)
    if arguments.policy == "smolvla" and arguments.checkpoint is None:
        raise UserError(NO_CHECKPOINT)
    if arguments.policy is not None:
        serve = ["--policy", arguments.policy]
        if arguments.checkpoint is not None:
            serve += ["--checkpoint", str(arguments.checkpoint)]
    folder = RunFolder(arguments.folder)
    made = plan(folder, arguments.role, serve)
    if arguments.print:
        print(*made.lines(), sep="\n")
        return 0
    from avvla.alpasim.rules import check
    from avvla.alpasim.running import carry_out

    errors = [found for found in check(folder, arguments.role) if found.severity == "error"]
    if errors:
        print(*errors, sep="\n", file=sys.stderr)
        raise UserError(f"{arguments.folder} has {len(errors)} errors: correct them first")
    carry_out(folder, made, arguments.timeout_s)
    return 0


def _collect(arguments: argparse.Namespace) -> int:
    from avvla.alpasim.collection import collect
    from avvla.results import write_metrics

    made = collect(arguments.folder, arguments.suite)
    write_metrics(arguments.output, made)
    score, scenes = made["score"], made["scenes"]
    print(
        f"{arguments.output}: {score['name']} {_told(score['value'])}, {scenes['count']} scenes of"
        f" {scenes['suite']}, {scenes['rollouts']['evaluated']} rollouts evaluated,"
        f" {len(made['violations'])} with violations, Alpasim {made['alpasim']['version']}"
    )
    return 0


def _report(arguments: argparse.Namespace) -> int:
    from avvla.alpasim.metrics import read_metrics
    from avvla.alpasim.report import render
    from avvla.results import write_text

    write_text(arguments.output, render(read_metrics(arguments.metrics)))
    print(arguments.output)
    return 0


def _told(value: float) -> str:
    """A number as metrics.json has it: without an incident there is no distance between two."""
    return f"{value:.4g}" if math.isfinite(value) else "not defined"
