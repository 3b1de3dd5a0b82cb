"""params.yaml -> raw logs in $AVVLA_DATA, data/manifest.json."""

from __future__ import annotations

from _chunks import tell
from _run import MANIFEST, run

from avvla import host
from avvla.config import Hdf5, Params
from avvla.hdf5 import findings, source
from avvla.physical_ai import manifest
from avvla.physical_ai.manifest import Manifest
from avvla.world.synthesis import fetch


def download(params: Params) -> None:
    if params.dataset.source == "hdf5":
        listing = import_episodes(params.dataset.hdf5)
    else:
        listing = fetch(params, host.data_root(), host.work_root(), host.workers())
    manifest.save(listing, MANIFEST)
    tell("download")


def import_episodes(hdf5: Hdf5) -> Manifest:
    found = source.survey(host.episodes_root(), hdf5, host.work_root(), host.workers())
    listing = source.link(found, hdf5, host.data_root())
    for fault in findings.faults(found.findings):
        print(f"left out: {fault}")
    return listing


if __name__ == "__main__":
    run(download)
