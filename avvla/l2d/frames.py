"""The frames of one drive: those of its overlapping episodes, each once, by time.

Episodes are windows of a drive, and neighbours share frames. Where they overlap, the later one's
are kept: an instruction tells what comes next, so it is fresh at the start of its window.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from avvla.errors import UserError
from avvla.l2d import layout
from avvla.l2d.metadata import Episode, Info, read_table
from avvla.window import STEP_US

NS_PER_US = 1000


@dataclass(frozen=True, eq=False)
class Frames:
    """N frames of a drive."""

    time_us: NDArray[np.int64]
    """(N,) since the epoch."""
    vehicle: NDArray[np.float64]
    """(N, 4) speed [km/h], heading [degree clockwise from north], latitude, longitude [degree]."""
    instruction: NDArray[np.object_]
    """(N,) texts, "" where none is told."""
    episode: NDArray[np.int64]
    """(N,) place of the frame's episode among those of the drive."""
    number: NDArray[np.int64]
    """(N,) number of the frame in its episode."""

    def take(self, places: NDArray[np.int64] | slice) -> Frames:
        """The frames at `places`."""
        return Frames(**{field.name: getattr(self, field.name)[places] for field in fields(self)})


def read_frames(
    snapshot: Path, episodes: Sequence[Episode], info: Info, policies: Iterable[str]
) -> Frames:
    """The frames of a drive's episodes that were driven under `policies`, each once, by time.

    Raises:
        UserError: a state table is missing or damaged, lacks a column, or has times that do not
            rise within an episode.
    """
    place = {episode.index: i for i, episode in enumerate(episodes)}
    parts = []
    for path in sorted({episode.data for episode in episodes}):
        indices = [episode.index for episode in episodes if episode.data == path]
        table = read_table(snapshot / path, list(layout.STATE_COLUMNS), indices)
        wanted = pa.array([it in policies for it in table[layout.POLICY].to_pylist()], pa.bool_())
        parts.append(_frames(table.filter(wanted), snapshot / path, info, place))
    joined = {
        field.name: np.concatenate([getattr(part, field.name) for part in parts])
        for field in fields(Frames)
    }
    return _each_once(Frames(**joined), episodes)


def _frames(table: pa.Table, path: Path, info: Info, place: dict[int, int]) -> Frames:
    state = table[layout.VEHICLE].combine_chunks().flatten().to_numpy(zero_copy_only=False)
    time_ns = table[layout.TIMESTAMP]
    if len(state) != len(table) * info.values or time_ns.null_count:
        raise UserError(
            f"{path} has frames without a time stamp, or with other than {info.values} values of"
            f" {layout.VEHICLE}: check it with `avvla data verify`"
        )
    columns = [info.speed, info.heading, info.latitude, info.longitude]
    texts: list[Any] = [it or "" for it in table[layout.INSTRUCTION].to_pylist()]
    return Frames(
        time_us=time_ns.to_numpy().astype(np.int64) // NS_PER_US,
        vehicle=state.reshape(-1, info.values)[:, columns].astype(np.float64),
        instruction=np.array(texts, object),
        episode=np.array([place[it] for it in table[layout.EPISODE].to_pylist()], np.int64),
        number=table[layout.FRAME].to_numpy().astype(np.int64),
    )


def _each_once(frames: Frames, episodes: Sequence[Episode]) -> Frames:
    covered: list[tuple[int, int]] = []
    kept: list[NDArray[np.int64]] = [np.zeros(0, np.int64)]
    for rows in sorted(_by_episode(frames, episodes), key=lambda rows: -frames.time_us[rows[0]]):
        time_us = frames.time_us[rows]
        alone = np.ones(len(rows), np.bool_)
        for begin_us, end_us in covered:
            # A frame less than half a step away is the same one, should times differ a little.
            alone &= (time_us < begin_us - STEP_US // 2) | (time_us > end_us + STEP_US // 2)
        covered.append((int(time_us[0]), int(time_us[-1])))
        kept.append(rows[alone])
    places = np.concatenate(kept)
    return frames.take(places[np.argsort(frames.time_us[places], kind="stable")])


def _by_episode(frames: Frames, episodes: Sequence[Episode]) -> Iterator[NDArray[np.int64]]:
    """Places of the frames of each episode that has any."""
    for place in np.unique(frames.episode).tolist():
        rows = np.flatnonzero(frames.episode == place)
        if (np.diff(frames.time_us[rows]) <= 0).any():
            raise UserError(
                f"the time stamps of episode {episodes[place].index} do not rise in"
                f" {episodes[place].data}: choose drives without it by dataset.l2d.sessions"
            )
        yield rows
