"""What the stages over chunks share; apart from `_run`, so that training is not made of it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from _run import replacing_folder

from avvla import host
from avvla.cluster.store import LAST_RUN, Step, Store
from avvla.config import Dataset
from avvla.files import chunk_file, hash_file
from avvla.hdf5.files import facts
from avvla.logs.source import open_logs
from avvla.physical_ai.manifest import Manifest


def tables(
    stage: str,
    verb: str,
    function: Callable[..., None],
    settings: Mapping[str, Any],
    dataset: Dataset,
    listing: Manifest,
    output: Path,
    *,
    events: bool = False,
    texts: Mapping[int, Path] | None = None,
) -> list[Path]:
    """Make a table of every chunk and put all of them into the stage's output.

    They are copied: DVC may link its cache to the output, and a kept result must be nobody else's.

    Args:
        stage: name of the stage.
        verb: what is done with a chunk, for the progress bar and in errors.
        function: makes the table of a chunk, as `avvla.cluster.store.Step` asks.
        settings: what shapes the tables beside the grid of t0.
        dataset: says where the t0 of a clip are.
        listing: the raw logs.
        output: folder of the stage's output.
        events: whether the tables depend on the clips' events.
        texts: by chunk, a file of texts that its table is made of; given to `function`.

    Returns: the kept tables in the order of the chunks.
    """
    logs = open_logs(listing, host.data_root())
    inputs = {chunk: logs.facts(chunk, events=events) for chunk in listing.chunks}
    for chunk, path in (texts or {}).items():
        inputs[chunk] |= {"texts": hash_file(path)}
    grid = dataset.model_dump(include={"t0_start_s", "t0_stride_s"})
    given = {"texts": texts} if texts else {}
    return _keep(stage, verb, function, {**settings, **grid}, listing, inputs, output, given)


def episode_tables(
    stage: str,
    verb: str,
    function: Callable[..., None],
    settings: Mapping[str, Any],
    listing: Manifest,
    output: Path,
) -> list[Path]:
    """As `tables`, of the source hdf5: a row for each frame of an episode."""
    inputs = {chunk: facts(listing, chunk) for chunk in listing.chunks}
    return _keep(stage, verb, function, settings, listing, inputs, output)


def _keep(
    stage: str,
    verb: str,
    function: Callable[..., None],
    settings: Mapping[str, Any],
    listing: Manifest,
    inputs: Mapping[int, Any],
    output: Path,
    given: Mapping[str, Any] = MappingProxyType({}),
) -> list[Path]:
    logs = {"listing": listing, "data_root": host.data_root()}
    step = Step(function, settings, {**logs, **given}, ".parquet")
    store = Store.of_stage(host.work_root(), stage)
    kept = store.results(step, inputs, host.workers(), verb)
    with replacing_folder(output) as folder:
        folder.mkdir()
        for chunk, path in kept.items():
            shutil.copyfile(path, folder / chunk_file(chunk))
    return list(kept.values())


def tell(stage: str) -> None:
    """Say what a stage had to compute; not in metrics.json, which a resumed run must not change."""
    run = json.loads((host.work_root() / stage / LAST_RUN).read_text())
    print(f"{stage}: {run['computed']} chunks computed, {run['reused']} kept from earlier runs")
