"""Files of a model on the hub, into a cache in the form of the hub's."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from avvla.cluster.store import LAST_RUN, Store
from avvla.hub.blob import bring
from avvla.hub.client import Entry, Hub


def fetch(hub: Hub, entries: Iterable[Entry], root: Path) -> Path:
    """Have files of a model in the cache at `root`; the folder that they are in.

    What has arrived of a file stays, and a later call goes on there.

    Raises:
        UserError: the hub does not give a file, or it cannot be written.
    """
    repository = root / f"models--{hub.repo_id.replace('/', '--')}"
    snapshot = repository / "snapshots" / hub.revision
    with Store(snapshot, repository / LAST_RUN, "AVVLA_BASE").writing():
        for entry in entries:
            bring(hub, entry, snapshot)
    return snapshot
