"""`avvla labels`."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

from avvla.cli.command import LABELS, MANIFEST, add_command, add_group
from avvla.errors import UserError

if TYPE_CHECKING:
    from avvla.cli.command import Group


def add(top: Group) -> None:
    """The group."""
    labels = add_group(top, "labels", "the driving commands of the logs: asked for, judged")
    export = add_command(
        labels, "export", "write the clips and t0 that Alpamayo's labeller is asked for", _export
    )
    export.add_argument(
        "--output", type=Path, required=True, metavar="W.parquet", help="clip_id, chunk, t0_us"
    )
    review = add_command(labels, "review", "make a sheet of labels to judge in a browser", _review)
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
    agreement = add_command(
        labels, "agreement", "how far the verdicts saved from a sheet agree", _agreement
    )
    agreement.add_argument(
        "--verdicts", type=Path, required=True, metavar="V.csv", help="what the sheet saved"
    )


def _export(arguments: argparse.Namespace) -> int:
    # The reader takes files from the hub's cache only; huggingface_hub reads this when imported.
    os.environ["HF_HUB_OFFLINE"] = "1"
    from avvla import host
    from avvla.files import replacing
    from avvla.labels.alpamayo import asked, check_layout
    from avvla.logs.source import open_logs
    from avvla.params import load_params
    from avvla.physical_ai import manifest

    listing, grid = manifest.load(MANIFEST), load_params().dataset
    check_layout(listing)
    logs = open_logs(listing, host.data_root())
    table = asked(logs, listing.chunks, grid.t0_start_s, grid.t0_stride_s)
    with replacing(arguments.output) as temporary:
        table.to_parquet(temporary, index=False)
    print(
        f"{arguments.output}: {len(table)} t0 of {table['clip_id'].nunique()} clips in"
        f" {table['chunk'].nunique()} chunks of {manifest.root(listing, host.data_root())}"
    )
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


def _agreement(arguments: argparse.Namespace) -> int:
    from avvla.review.samples import load_labels
    from avvla.review.verdicts import agreements, read_verdicts, told

    labels = load_labels(LABELS)
    print(told(agreements(read_verdicts(arguments.verdicts, labels), labels)))
    return 0
