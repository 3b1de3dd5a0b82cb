"""Which clips of the data set are wanted: filters over its metadata.

A clip counts if it is valid and has the camera and egomotion, as for the reader. The hub keeps
clips by chunk, so the chunks of all wanted clips are fetched; the manifest names the clips where
they are not all of their chunks.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from avvla.config import Nvidia
from avvla.errors import UserError
from avvla.physical_ai import layout

_NAMED = 12  # values that an error lists at most
_HAS = "has "  # before a feature's name in the columns of `read_clips`


@dataclass(frozen=True)
class Selection:
    """The wanted clips, sorted; `clips` is None where they are all that count in their chunks."""

    chunks: tuple[int, ...]
    clips: tuple[str, ...] | None


def read_clips(snapshot: Path, paths: Iterable[str]) -> pd.DataFrame:
    """All clips by id: chunk, split, clip_is_valid, what is known of them, and their features.

    Args:
        snapshot: where the files lie.
        paths: the metadata of the data set, among them the clip index.

    Raises:
        UserError: a table is missing or damaged.
    """
    there = set(paths)
    clips = _read(snapshot, layout.CLIP_INDEX, ("chunk", "split", "clip_is_valid"))
    if not clips.index.is_unique:
        twice = clips.index[clips.index.duplicated()][0]
        raise UserError(f"{layout.CLIP_INDEX} lists clip {twice} twice")
    if layout.SPLITS in there:  # which the official reader too believes more than the index
        clips["split"] = _read(snapshot, layout.SPLITS, ("split",))["split"].reindex(clips.index)
    if layout.DATA_COLLECTION in there:
        known = _read(snapshot, layout.DATA_COLLECTION, ())
        clips = clips.join(known[[name for name in known if name not in clips]])
    presence = next((name for name in layout.PRESENCE if name in there), None)
    if presence is None:
        raise UserError(f"the data set has none of {', '.join(layout.PRESENCE)}")
    table = _read(snapshot, presence, ()).select_dtypes(bool)
    return clips.join(table.reindex(clips.index, fill_value=False).add_prefix(_HAS))


def select(clips: pd.DataFrame, wanted: Nvidia, camera: str) -> Selection:
    """The clips that pass all filters of `wanted`.

    Args:
        clips: what `read_clips` gives.
        wanted: the parameters `dataset.nvidia`.
        camera: feature of the camera.

    Raises:
        UserError: a name is not one of the data set, or no clip is left.
    """
    usable = clips[clips["clip_is_valid"].astype(bool)]
    for feature in (camera, layout.EGOMOTION):
        # A feature without a column, as in revisions before 26.03, is there for every clip.
        if _HAS + feature in usable:
            usable = usable[usable[_HAS + feature]]
    if usable.empty:
        raise UserError(f"none of {len(clips)} clips is valid with {camera} and egomotion")
    _require_named(clips, usable, wanted)
    left = usable
    for name, passes in _filters(clips, wanted).items():
        before, left = left, left[passes[left.index]]
        if left.empty:
            raise UserError(
                f"dataset.nvidia.{name} leaves none of {len(before)} clips: change it, or another"
                " filter"
            )
    left = left.rename_axis("clip_id").sort_values(["chunk", "clip_id"])
    if wanted.chunk_count is not None:
        left = left[left["chunk"].isin(left["chunk"].unique()[: wanted.chunk_count])]
    if wanted.clip_count is not None:
        left = left.head(wanted.clip_count)
    chunks = sorted(left["chunk"].unique().tolist())
    whole = len(left) == usable["chunk"].isin(chunks).sum()
    return Selection(tuple(chunks), None if whole else tuple(sorted(left.index)))


def _filters(clips: pd.DataFrame, wanted: Nvidia) -> dict[str, pd.Series[bool]]:
    """By parameter that is set, which clips pass."""
    passes: dict[str, pd.Series[bool]] = {}
    if wanted.chunks:
        passes["chunks"] = clips["chunk"].isin(wanted.chunks)
    if wanted.clips:
        passes["clips"] = clips.index.to_series().isin(wanted.clips)
    for name, column, values in (
        ("split", "split", () if wanted.split is None else (wanted.split,)),
        ("countries", "country", wanted.countries),
        ("hours", "hour_of_day", wanted.hours),
    ):
        if values:
            _require_known(name, values, _column(clips, name, column))
            passes[name] = clips[column].isin(values)
    if wanted.sensors:
        known = [str(name).removeprefix(_HAS) for name in clips if str(name).startswith(_HAS)]
        _require_known("sensors", wanted.sensors, known)
        passes["sensors"] = clips[[_HAS + sensor for sensor in wanted.sensors]].all(axis=1)
    return passes


def _require_named(clips: pd.DataFrame, usable: pd.DataFrame, wanted: Nvidia) -> None:
    """Refuse chunks and clips, asked for by name, that are not there or do not count."""
    numbers = clips["chunk"]
    for chunk in wanted.chunks:
        if not (numbers == chunk).any():
            raise UserError(
                f"dataset.nvidia.chunks: there is no chunk {chunk}, only {numbers.min()} to"
                f" {numbers.max()}"
            )
    for clip in wanted.clips:
        if clip not in clips.index:
            raise UserError(f"dataset.nvidia.clips: clip {clip} is not in {layout.CLIP_INDEX}")
        if clip not in usable.index:
            raise UserError(
                f"dataset.nvidia.clips: clip {clip} is not valid, or lacks the camera or egomotion"
            )


def _require_known(name: str, values: Iterable[Any], known: Iterable[Any]) -> None:
    there = set(known)
    for value in values:
        if value not in there:
            listed = ", ".join(sorted(map(str, there))[:_NAMED])
            raise UserError(
                f"dataset.nvidia.{name}: the data set has no {value!r}; it has {listed}"
                + (f" and {len(there) - _NAMED} more" if len(there) > _NAMED else "")
            )


def _column(clips: pd.DataFrame, name: str, column: str) -> Iterable[Any]:
    if column not in clips:
        raise UserError(
            f"dataset.nvidia.{name} needs the column {column} of {layout.DATA_COLLECTION}, which"
            " this revision lacks"
        )
    values: list[Any] = clips[column].dropna().unique().tolist()
    return values


def _read(snapshot: Path, path: str, columns: tuple[str, ...]) -> pd.DataFrame:
    try:
        table = pd.read_parquet(snapshot / path)
    except (OSError, ValueError, pa.ArrowException) as error:
        line = " ".join(str(error).split())
        raise UserError(
            f"{path} cannot be read ({line}): check the files with `avvla data verify`"
        ) from None
    missing = [name for name in columns if name not in table]
    if missing:
        raise UserError(f"{path} has no column {', '.join(missing)}, expected NVIDIA's layout")
    return table
