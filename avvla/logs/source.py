"""The reader of a manifest's raw logs, by the manifest's source."""

from __future__ import annotations

from pathlib import Path

from avvla.errors import UserError
from avvla.l2d.reader import Drives
from avvla.logs.interface import Logs
from avvla.physical_ai.manifest import Manifest
from avvla.physical_ai.reader import Clips


def open_logs(listing: Manifest, data_root: Path) -> Logs:
    """Open the raw logs of `listing` in the hub cache at `data_root`.

    Raises:
        UserError: their metadata are missing or damaged, or they are no driving.
    """
    if listing.source == "hdf5":
        raise UserError(
            "the manifest lists episodes of a robot arm, which have no driving to read: set"
            " dataset.source to synthetic, nvidia or l2d, and run `dvc repro download`"
        )
    if listing.source == "l2d":
        return Drives(listing, data_root)
    return Clips(listing, data_root)
