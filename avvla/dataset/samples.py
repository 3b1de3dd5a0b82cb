"""The training samples of one chunk: labels and actions joined, images cropped.

A sample is one t0 with a valid action and a label that its motion does not contradict, in a clip
that has at least two: LeRobot cannot merge the statistics of an episode of one frame.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from avvla.actions.fit import T0, to_local
from avvla.actions.table import actions
from avvla.dataset.writer import SHORTEST_EPISODE
from avvla.errors import UserError
from avvla.logs.interface import Logs
from avvla.physical_ai.camera import Crop, square_crop

if TYPE_CHECKING:
    from avvla.config import Build

KEY = ["clip_id", "t0_us"]


@dataclass(frozen=True, eq=False)
class Rows:
    """The usable rows of a chunk, by clip and t0, and how many were left out."""

    table: pd.DataFrame
    """clip_id, t0_us, command."""
    action: NDArray[np.float64]
    """(N, 64, 2) acceleration [m/s^2], curvature [1/m]."""
    dropped: dict[str, int]
    """Why rows were left out: `invalid action`, `inconsistent label`, `single sample`."""


@dataclass(frozen=True, eq=False)
class ClipSamples:
    """The K samples of one clip.

    Shapes: t0_us (K,) int64 [us]; image (K, S, S, 3) uint8 RGB; state (K, 2) float32, speed at t0
    [m/s] and heading at t0 relative to 1.5 s before [rad]; action (K, 64, 2) float32; trajectory
    (K, 64, 3) float32, the driven x, y [m], yaw [rad] in the local frame; command K texts.
    """

    clip_id: str
    t0_us: NDArray[np.int64]
    image: NDArray[np.uint8]
    state: NDArray[np.float32]
    action: NDArray[np.float32]
    trajectory: NDArray[np.float32]
    command: tuple[str, ...]


def join(labels: Path, actions_file: Path) -> Rows:
    """Join the label table and the action table of one chunk.

    Raises:
        UserError: a file is missing or damaged, or the two do not have the same rows.
    """
    left = read_rows(labels, [*KEY, "command", "source", "consistent"], "label")
    right = read_rows(actions_file, [*KEY, "acceleration", "curvature", "valid"], "fit_actions")
    left_rows = left.to_pandas()
    right_rows = right.select([*KEY, "valid"]).to_pandas().assign(row=range(len(right)))
    duplicated = left_rows.duplicated(KEY).any() or right_rows.duplicated(KEY).any()
    merged = left_rows.merge(right_rows, on=KEY, how="inner").sort_values(KEY, ignore_index=True)
    if duplicated or not len(merged) == len(left_rows) == len(right_rows):
        raise UserError(
            f"{labels} has {len(left_rows)} rows, {actions_file} has {len(right_rows)} and"
            f" {len(merged)} match by clip and t0, expected each once in both: run"
            " `dvc repro --force label fit_actions`"
        )
    valid, consistent = merged["valid"].to_numpy(), merged["consistent"].to_numpy()
    # A scenario's command is what the expert was told: where the motion seems to contradict it (a
    # left turn at a roundabout begins to the right), the rule is wrong, not the label.
    trusted = consistent | (merged["source"] == "scenario").to_numpy()
    usable = merged[valid & trusted]
    kept = usable[usable.groupby("clip_id")["row"].transform("size") >= SHORTEST_EPISODE]
    return Rows(
        table=kept[[*KEY, "command"]].reset_index(drop=True),
        action=actions(right)[kept["row"].to_numpy()],
        dropped={
            "invalid action": int((~valid).sum()),
            "inconsistent label": int((valid & ~trusted).sum()),
            "single sample": len(usable) - len(kept),
        },
    )


def samples(logs: Logs, rows: Rows, build: Build) -> Iterator[ClipSamples]:
    """The samples of each clip, by clip id.

    Raises:
        UserError: a clip cannot be read.
    """
    crop = Crop.of(build)
    for clip_id, part in rows.table.groupby("clip_id", sort=True):
        name, t0_us = str(clip_id), part["t0_us"].to_numpy()
        xy, yaw, speed = logs.ego_windows(name, t0_us)
        position, heading = to_local(xy, yaw)
        ahead = np.concatenate([position, heading[..., None]], axis=-1)[:, T0 + 1 :]
        state = np.stack([speed[:, T0], -heading[:, 0]], axis=-1)
        camera = logs.camera(name)
        images = [
            square_crop(frame, camera, crop, build.image_size) for frame in logs.frames(name, t0_us)
        ]
        yield ClipSamples(
            clip_id=name,
            t0_us=t0_us,
            image=np.stack(images),
            state=state.astype(np.float32),
            action=rows.action[part.index].astype(np.float32),
            trajectory=ahead.astype(np.float32),
            command=tuple(part["command"]),
        )


def read_rows(path: Path, columns: list[str], stage: str) -> pa.Table:
    """Columns of a chunk's table, which `stage` makes.

    Raises:
        UserError: the file is missing or damaged.
    """
    advice = f"make it again with `dvc repro --force {stage}`"
    try:
        return pq.read_table(path, columns=columns).select(columns)
    except FileNotFoundError:
        raise UserError(f"{path} is missing: {advice}") from None
    except (OSError, KeyError, pa.ArrowException) as error:
        line = " ".join(str(error).split())
        raise UserError(f"{path} cannot be read ({line}): {advice}") from None
