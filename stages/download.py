"""params.yaml -> raw logs in $AVVLA_DATA, data/manifest.json."""

from __future__ import annotations

from _chunks import tell
from _run import MANIFEST, run

from avvla import host
from avvla.config import Params
from avvla.physical_ai import manifest
from avvla.sources import fetch


def download(params: Params) -> None:
    listing = fetch(params, host.data_root(), host.work_root(), host.workers())
    manifest.save(listing, MANIFEST)
    tell("download")


if __name__ == "__main__":
    run(download)
