"""The `avvla` command: argparse over the library; each command imports what it needs when it runs.

argparse instead of a library that derives flags from types, because help has to come at once: it
takes 0.05 s, tyro 0.35 s. Exit codes: 0 done, 1 bad input (one line on standard error), 2 wrong
usage, 130 interrupted, 141 the reader of the output is gone.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from avvla.errors import UserError

if TYPE_CHECKING:
    Group = argparse._SubParsersAction[argparse.ArgumentParser]

MANIFEST = Path("data/manifest.json")
LABELS = Path("data/labels")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code.

    Raises:
        SystemExit: help was asked for (code 0) or the usage is wrong (code 2).
    """
    arguments = _parser().parse_args(argv)
    try:
        code: int = arguments.run(arguments)
        sys.stdout.flush()
    except UserError as error:
        print(f"avvla: {' '.join(str(error).split())}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # The interpreter flushes once more at exit, which would print the same error.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="avvla",
        description="From raw driving logs to a vision-language-action model that drives.",
    )
    top = parser.add_subparsers(metavar="command", required=True)
    _command(top, "doctor", "what this host can run, and what it lacks", _doctor)

    actions = _group(top, "actions", "acceleration and curvature of driven paths")
    fit = _command(actions, "fit", "fit actions to the windows of an npz file", _actions_fit)
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
        help="v0, action (N, 64, 2), trajectory (N, 64, 3), ade, fde, valid",
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

    data = _group(top, "data", "the raw logs in $AVVLA_DATA")
    _command(data, "fetch", f"bring the raw logs of {MANIFEST} into $AVVLA_DATA", _data_fetch)
    _command(data, "verify", f"compare the raw logs with {MANIFEST}", _data_verify)
    _command(data, "synthesize", "record drives of the embedded world there", _synthesize)

    episodes = _command(
        data, "import-hdf5", "look at every frame of a folder of HDF5 episodes, import them", _hdf5
    )
    episodes.add_argument(
        "folder", type=Path, metavar="FOLDER", help="holds the episodes (*.h5), at any depth"
    )

    labels = _group(top, "labels", "the driving commands of the logs: asked for, judged")
    export = _command(
        labels, "export", "write the clips and t0 that Alpamayo's labeller is asked for", _export
    )
    export.add_argument(
        "--output", type=Path, required=True, metavar="W.parquet", help="clip_id, chunk, t0_us"
    )
    review = _command(labels, "review", "make a sheet of labels to judge in a browser", _review)
    review.add_argument(
        "--samples",
        type=int,
        default=100,
        metavar="N",
        help="labels to judge, as many of each command (default: %(default)s)",
    )
    review.add_argument(
        "--output", type=Path, required=True, metavar="SHEET.html", help="page to open in a browser"
    )
    agreement = _command(
        labels, "agreement", "how far the verdicts saved from a sheet agree", _agreement
    )
    agreement.add_argument(
        "--verdicts", type=Path, required=True, metavar="V.csv", help="what the sheet saved"
    )
    return parser


def _group(parent: Group, name: str, summary: str) -> Group:
    parser = parent.add_parser(name, help=summary, description=f"{name}: {summary}")
    return parser.add_subparsers(metavar="command", required=True)


def _command(
    parent: Group, name: str, summary: str, run: Callable[[argparse.Namespace], int]
) -> argparse.ArgumentParser:
    parser = parent.add_parser(name, help=summary, description=summary)
    parser.set_defaults(run=run)
    return parser


def _doctor(_: argparse.Namespace) -> int:
    from avvla.doctor import report
    from avvla.probe import probe

    return report(probe())


def _actions_fit(arguments: argparse.Namespace) -> int:
    from avvla.actions.files import fit_file

    done = fit_file(arguments.input, arguments.output, arguments.integrator, arguments.method)
    print(f"{arguments.output}: {done.valid} of {done.windows} windows fitted", end="")
    if done.valid:
        print(f", mean ADE {done.ade_mean:.4f} m, FDE {done.fde_mean:.4f} m", end="")
    print()
    return 0


def _data_fetch(_: argparse.Namespace) -> int:
    from avvla import host
    from avvla.hdf5.files import holds_episodes
    from avvla.params import load_params
    from avvla.physical_ai import manifest
    from avvla.sources import fetch

    wanted, params = manifest.load(MANIFEST), load_params()
    if holds_episodes(wanted):
        raise UserError(
            f"{MANIFEST} lists HDF5 episodes, which are in no hub: `avvla data import-hdf5 FOLDER`"
        )
    for problem in manifest.discard(wanted, host.data_root()):
        print(f"{problem}: removed")
    if fetch(params, host.data_root(), host.work_root(), host.workers()) != wanted:
        raise UserError(
            f"params.yaml and this version make other logs than {MANIFEST} lists: run `dvc repro`"
        )
    print(f"{len(wanted.files)} files in {manifest.root(wanted, host.data_root())}")
    return 0


def _synthesize(_: argparse.Namespace) -> int:
    from avvla import host
    from avvla.params import load_params
    from avvla.physical_ai import manifest
    from avvla.world.synthesis import fetch

    params = load_params()
    listing = fetch(params, host.data_root(), host.work_root(), host.workers())
    print(
        f"{params.dataset.synthetic.clips} clips in {len(listing.chunks)} chunks:"
        f" {manifest.root(listing, host.data_root())}"
    )
    return 0


def _hdf5(arguments: argparse.Namespace) -> int:
    from avvla import host
    from avvla.hdf5 import findings, source
    from avvla.params import load_params
    from avvla.physical_ai import manifest

    dataset = load_params().dataset
    found = source.survey(arguments.folder, dataset.hdf5, host.work_root(), host.workers())
    print(*findings.table(found.findings), sep="\n")
    listing = source.link(found, dataset.hdf5, host.data_root())
    size = sum(file.bytes for file in listing.files)
    place = manifest.root(listing, host.data_root())
    print(f"{len(listing.files)} files, {size / 1e9:.3f} GB, linked in {place}")
    if dataset.source == "hdf5":
        manifest.save(listing, MANIFEST)
    else:
        print(f"{MANIFEST} is as it was: dataset.source is {dataset.source}, not hdf5")
    return 0


def _data_verify(_: argparse.Namespace) -> int:
    from avvla import host
    from avvla.physical_ai import manifest

    wanted = manifest.load(MANIFEST)
    problems = manifest.verify(wanted, host.data_root())
    for problem in problems:
        print(problem)
    if problems:
        raise UserError(
            f"{len(problems)} of {len(wanted.files)} files are not those of {MANIFEST}: "
            "run `avvla data fetch`"
        )
    size = sum(file.bytes for file in wanted.files)
    print(f"{len(wanted.files)} files, {size / 1e9:.3f} GB: all as in {MANIFEST}")
    return 0


def _review(arguments: argparse.Namespace) -> int:
    # The reader takes files from the hub's cache only; huggingface_hub reads this when imported.
    os.environ["HF_HUB_OFFLINE"] = "1"
    from avvla import host
    from avvla.logs.source import open_logs
    from avvla.physical_ai import manifest
    from avvla.results import write_text
    from avvla.review.samples import choose, load_labels
    from avvla.review.sheet import cards, render

    if arguments.samples < 1:
        raise UserError(f"--samples is {arguments.samples}, expected 1 or more")
    labels = load_labels(LABELS)
    logs = open_logs(manifest.load(MANIFEST), host.data_root())
    shown = cards(logs, choose(labels, arguments.samples))
    write_text(arguments.output, render(shown, len(labels)))
    print(f"{arguments.output}: {len(shown)} of {len(labels)} labels; open it in a browser")
    return 0


def _export(arguments: argparse.Namespace) -> int:
    # The reader takes files from the hub's cache only; huggingface_hub reads this when imported.
    os.environ["HF_HUB_OFFLINE"] = "1"
    from avvla import host
    from avvla.files import replacing
    from avvla.labels.alpamayo import asked
    from avvla.logs.source import open_logs
    from avvla.params import load_params
    from avvla.physical_ai import manifest

    listing, grid = manifest.load(MANIFEST), load_params().dataset
    if listing.source == "l2d":
        raise UserError(
            f"{MANIFEST} lists drives of L2D, and Alpamayo's labeller reads NVIDIA's layout alone:"
            " set label.source to instruction, kinematic or fixed"
        )
    logs = open_logs(listing, host.data_root())
    table = asked(logs, listing.chunks, grid.t0_start_s, grid.t0_stride_s)
    with replacing(arguments.output) as temporary:
        table.to_parquet(temporary, index=False)
    print(
        f"{arguments.output}: {len(table)} t0 of {table['clip_id'].nunique()} clips in"
        f" {table['chunk'].nunique()} chunks of {manifest.root(listing, host.data_root())}"
    )
    return 0


def _agreement(arguments: argparse.Namespace) -> int:
    from avvla.review.samples import load_labels
    from avvla.review.verdicts import agreements, read_verdicts, told

    labels = load_labels(LABELS)
    print(told(agreements(read_verdicts(arguments.verdicts, labels), labels)))
    return 0
