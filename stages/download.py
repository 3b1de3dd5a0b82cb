"""params.yaml -> raw logs in $AVVLA_DATA, data/manifest.json."""

from __future__ import annotations

from _run import MANIFEST, run

from avvla import host
from avvla.config import Params
from avvla.physical_ai import manifest
from avvla.world.synthesis import fetch


def download(params: Params) -> None:
    manifest.save(fetch(params, host.data_root(), host.workers()), MANIFEST)


if __name__ == "__main__":
    run(download)
