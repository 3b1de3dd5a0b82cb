"""The raw logs of `dataset.source` in the hub cache: which package brings each source there."""

from __future__ import annotations

from pathlib import Path

from tqdm import tqdm

from avvla import host
from avvla.config import Params
from avvla.physical_ai.manifest import Manifest


def fetch(params: Params, data_root: Path, work: Path, workers: int) -> Manifest:
    """Bring the raw logs of `params.dataset` into the hub cache at `data_root`.

    What is there stays as it is; the result does not depend on `workers`. What had to be made or
    fetched is told in `work`, and frames of episodes that cannot be used are printed.

    Raises:
        UserError: the source cannot give what is asked for.
    """
    source = params.dataset.source
    if source == "synthetic":
        from avvla.world import synthesis

        return synthesis.fetch(params, data_root, work, workers)
    if source == "nvidia":
        from avvla.hub import nvidia

        tree, quota_bytes = host.nvidia_tree(), host.data_quota_bytes()
        return nvidia.fetch(params, data_root, work, workers, tree=tree, quota_bytes=quota_bytes)
    if source == "l2d":
        from avvla.hub import l2d

        quota_bytes = host.data_quota_bytes()
        return l2d.fetch(params, data_root, work, workers, quota_bytes=quota_bytes)
    from avvla.hdf5 import findings
    from avvla.hdf5 import source as episodes

    hdf5 = params.dataset.hdf5
    found = episodes.survey(host.episodes_root(), hdf5, work, workers)
    listing = episodes.link(found, hdf5, data_root)
    for fault in findings.faults(found.findings):
        tqdm.write(f"left out: {fault}")
    return listing
