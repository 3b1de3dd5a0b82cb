"""The LeRobot data set of all chunks: shards made in parallel, joined by LeRobot's aggregation."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lerobot.datasets.aggregate import aggregate_datasets

from avvla.cluster.store import Step, Store
from avvla.config import Build, Params
from avvla.dataset import calibration, split
from avvla.dataset.episode_shard import build_episode_shard
from avvla.dataset.shard import (
    LEROBOT,
    REPO_ID,
    Report,
    build_shard,
    frames_per_second,
    read_report,
)
from avvla.errors import UserError
from avvla.files import chunk_file, hash_file
from avvla.hdf5.files import facts, holds_episodes
from avvla.hdf5.source import shaping
from avvla.logs.source import open_logs
from avvla.physical_ai.manifest import Manifest


@dataclass(frozen=True)
class Inputs:
    """What a data set is built from; the store of `build_dataset` in `work` keeps its shards."""

    params: Params
    listing: Manifest
    data_root: Path
    labels: Path
    actions: Path
    work: Path


def build(inputs: Inputs, root: Path, workers: int) -> dict[str, Any]:
    """Build the data set at `root`, which must not exist, with its split.json.

    The bytes do not depend on `workers`; with PYTHONHASHSEED=0 they are the same each time.

    Returns: the metrics of the stage.

    Raises:
        UserError: no usable sample, labels or actions missing or not of these logs, a damaged
            chunk, or parameters that LeRobot's format cannot hold.
    """
    settings = inputs.params.build
    if settings.image_size % 2:
        raise UserError(
            f"build.image_size is {settings.image_size}, expected an even number: the video stores"
            " colour at half the resolution"
        )
    folders = shards(inputs, workers)
    reports = [read_report(folder) for folder in folders]
    clips = [clip for report in reports for clip in report.clips]
    groups = [group for report in reports for group in report.groups]
    if not clips:
        reasons = ", ".join(f"{count} {reason}" for reason, count in _sum(reports, "dropped"))
        raise UserError(
            f"no usable sample, left out were: {reasons}; see results/fit_actions/metrics.json and"
            " results/label/metrics.json"
        )
    parts = split.split_clips(clips, groups, settings.validation, inputs.params.seed)
    used = [folder for folder, report in zip(folders, reports, strict=True) if report.clips]
    roots = [folder / LEROBOT for folder in used]
    aggregate_datasets(
        [REPO_ID] * len(roots),
        REPO_ID,
        roots=roots,
        aggr_root=root,
        concatenate_videos=False,
        concatenate_data=False,
    )
    _sort_keys(root / "meta/stats.json")
    assumptions: Mapping[str, float] = {}
    if not holds_episodes(inputs.listing):
        tables = [folder / calibration.FILE for folder in used]
        calibration.join(tables, root / "meta" / calibration.FILE)
        assumptions = open_logs(inputs.listing, inputs.data_root).assumptions
    for video in root.rglob("*.mp4"):
        video.chmod(0o644)  # LeRobot leaves its temporary file's 600
    split.save(parts, root)
    return _metrics(reports, parts, assumptions)


def shards(inputs: Inputs, workers: int) -> list[Path]:
    """The finished shards of all chunks."""
    tables = {"labels": inputs.labels, "actions": inputs.actions}
    logs = {"listing": inputs.listing, "data_root": inputs.data_root}
    shard = _episode_shards if holds_episodes(inputs.listing) else _clip_shards
    function, settings, files = shard(inputs)
    made_from = {
        chunk: {
            **found,
            **{name: _hash(folder / chunk_file(chunk)) for name, folder in tables.items()},
        }
        for chunk, found in files.items()
    }
    step = Step(function, settings, {**logs, **tables})
    store = Store.of_stage(inputs.work, "build_dataset")
    return list(store.results(step, made_from, workers, "build").values())


Shards = tuple[Callable[..., None], dict[str, Any], dict[int, dict[str, Any]]]
"""What makes a shard, the settings that shape it, and by chunk what its files are."""


def _clip_shards(inputs: Inputs) -> Shards:
    # The share held out shapes no shard, and a change of it makes none anew.
    build = inputs.params.build.model_copy(update={"validation": Build().validation})
    fps = frames_per_second(inputs.params.dataset.t0_stride_s)
    logs = open_logs(inputs.listing, inputs.data_root)
    files = {chunk: logs.facts(chunk) for chunk in inputs.listing.chunks}
    return build_shard, {"build": build, "fps": fps}, files


def _episode_shards(inputs: Inputs) -> Shards:
    settings = {
        "image_size": inputs.params.build.image_size,
        "hdf5": shaping(inputs.params.dataset.hdf5),
    }
    files = {chunk: facts(inputs.listing, chunk) for chunk in inputs.listing.chunks}
    return build_episode_shard, settings, files


def _hash(table: Path) -> str | None:
    """None if it is missing, which the chunk's step tells."""
    return hash_file(table) if table.exists() else None


def _metrics(
    reports: list[Report], parts: split.Split, assumptions: Mapping[str, float]
) -> dict[str, Any]:
    """Counts; what was assumed and which clips were missing is told only where there is any."""
    special = {"assumptions": dict(assumptions), "missing_clips": dict(_sum(reports, "missing"))}
    frames = [count for report in reports for count in report.frames]
    return {
        **{name: told for name, told in special.items() if told},
        "commands": dict(_sum(reports, "commands")),
        "dropped": dict(_sum(reports, "dropped")),
        **{
            name: {
                "episodes": len(part.episodes),
                "frames": sum(frames[episode] for episode in part.episodes),
            }
            for name, part in (("train", parts.train), ("validation", parts.validation))
        },
    }


def _sum(reports: list[Report], name: str) -> list[tuple[str, int]]:
    """Counts of all chunks by key, sorted."""
    total: Counter[str] = Counter()
    for report in reports:
        total.update(getattr(report, name))
    return sorted(total.items())


def _sort_keys(path: Path) -> None:
    """LeRobot writes the statistics in the order of a set."""
    path.write_text(json.dumps(json.loads(path.read_text()), indent=4, sort_keys=True) + "\n")
