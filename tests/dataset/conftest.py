"""Raw logs of circular arcs with their labels and actions, as the stages before leave them."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from factory import data_set, recordings

from avvla.actions.fit import fit_actions
from avvla.actions.table import action_table
from avvla.config import Params
from avvla.dataset.builder import Inputs, build
from avvla.labels.table import label_rows
from avvla.logs.windows import windows
from avvla.physical_ai.reader import Clips


def _prepare(folder: Path, n_clips: int, **build: object) -> Inputs:
    params = Params.model_validate(
        {"build": {"image_size": 32, "validation": 0.25, **build}, "label": {"source": "fixed"}}
    )
    listing = data_set(folder / "hub", recordings(n_clips))
    inputs = Inputs(
        params, listing, folder / "hub", folder / "labels", folder / "actions", folder / "work"
    )
    inputs.labels.mkdir()
    inputs.actions.mkdir()
    clips = Clips(listing, inputs.data_root)
    for chunk in listing.chunks:
        labels, actions = [], []
        for part in windows(clips, chunk, 2.0, 0.5):
            fit = fit_actions(part.xy, part.yaw, part.speed, 0.1, "euler", 1.0)
            actions.append(action_table(part.clip_id, part.t0_us, fit, "euler"))
            motion = (part.xy, part.yaw, part.speed)
            labels.append(label_rows(params.label, part.clip_id, part.t0_us, *motion))
        name = f"chunk_{chunk:04d}.parquet"
        pd.concat(labels).to_parquet(inputs.labels / name, index=False)
        pq.write_table(pa.concat_tables(actions), inputs.actions / name)
    return inputs


@pytest.fixture
def make_inputs(tmp_path: Path) -> Callable[..., Inputs]:
    """Inputs of some clips of four t0 each, two to a chunk."""
    return partial(_prepare, tmp_path)


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set of five clips, not to be changed; episodes 2 and 3 have four commands each."""
    folder = tmp_path_factory.mktemp("built")
    inputs = _prepare(folder, 5)
    commands = ["Stop", "Turn left", "Yield", "Go straight"] * 2
    _change(inputs.labels / "chunk_0001.parquet", lambda table: table.assign(command=commands))
    build(inputs, folder / "lerobot", 1)
    return folder / "lerobot"


def _change(path: Path, change: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    """Rewrite the label or action table of a chunk."""
    table = pq.read_table(path)
    changed = change(table.to_pandas())
    pq.write_table(pa.Table.from_pandas(changed, schema=table.schema, preserve_index=False), path)


@pytest.fixture(name="edit")
def _edit() -> Callable[[Path, Callable[[pd.DataFrame], pd.DataFrame]], None]:
    return _change
