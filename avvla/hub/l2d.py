"""L2D from the hub: the transfer that `avvla.l2d.download` asks for."""

from __future__ import annotations

from pathlib import Path

from avvla.config import Params
from avvla.hub.client import Hub
from avvla.hub.remote import Remote
from avvla.l2d import download, layout
from avvla.physical_ai.manifest import Manifest


def fetch(
    params: Params, data_root: Path, work: Path, workers: int, *, quota_bytes: int | None
) -> Manifest:
    """Bring the drives that `params.dataset.l2d` chooses into the hub cache at `data_root`.

    Args:
        params: the parameters.
        data_root: the hub cache.
        work: what had to be fetched is told there.
        workers: drives at a time.
        quota_bytes: what `data_root` may hold, None for no limit.

    Raises:
        UserError: no commit is pinned, the hub refuses or fails, there are fewer drives than asked
            for, or there is no room.
    """
    wanted = params.dataset.l2d
    hub = Hub.pinned(wanted.repo_id, wanted.revision, "dataset.l2d")
    remote = Remote(hub, data_root, work, quota_bytes, layout.parse)
    return download.fetch(params.dataset, remote.snapshot, hub.revision, remote, workers)
