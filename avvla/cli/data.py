"""`avvla data`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from avvla.cli.command import MANIFEST, add_command, add_group
from avvla.errors import UserError

if TYPE_CHECKING:
    from avvla.cli.command import Group


def add(top: Group) -> None:
    """The group."""
    data = add_group(top, "data", "the raw logs in $AVVLA_DATA")
    add_command(data, "fetch", f"bring the raw logs of {MANIFEST} into $AVVLA_DATA", _data_fetch)
    add_command(data, "verify", f"compare the raw logs with {MANIFEST}", _data_verify)
    add_command(data, "synthesize", "record drives of the embedded world there", _synthesize)

    episodes = add_command(
        data, "import-hdf5", "look at every frame of a folder of HDF5 episodes, import them", _hdf5
    )
    episodes.add_argument(
        "folder", type=Path, metavar="FOLDER", help="holds the episodes (*.h5), at any depth"
    )


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
