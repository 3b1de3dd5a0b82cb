"""Reads clips through NVIDIA's official package, offline, from the files that a manifest lists.

Everything is checked before it is believed: a chunk's files have the manifest's sizes, egomotion
is finite with rising times, and each t0 lies where both a camera frame and the full window of
egomotion exist. Poses are returned in the clip's anchor frame, times are int64 microseconds.
"""

from __future__ import annotations

import json
from functools import cached_property
from pathlib import Path
from typing import Any

import huggingface_hub.constants
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from physical_ai_av import PhysicalAIAVDatasetInterface

from avvla.errors import UserError
from avvla.physical_ai import layout, manifest
from avvla.physical_ai.camera import FThetaCamera, RigExtrinsics
from avvla.physical_ai.clip import UNREADABLE, Clip, line_of
from avvla.window import WINDOW_US


class Clips:
    """The clips of a manifest. Work clip by clip: what was decoded of the last one is kept."""

    def __init__(self, listing: manifest.Manifest, data_root: Path) -> None:
        """Open the snapshot of `listing` in the hub cache at `data_root`.

        Raises:
            UserError: the hub is not in offline mode, the files are not in NVIDIA's layout, or
                metadata are missing or damaged.
        """
        if listing.camera is None:
            raise UserError(
                f"the logs of the manifest are of the source {listing.source}, which has no clips"
                " in NVIDIA's layout"
            )
        self._camera = listing.camera
        if not huggingface_hub.constants.HF_HUB_OFFLINE:
            raise UserError(
                "HF_HUB_OFFLINE is not set: set HF_HUB_OFFLINE=1 before Python starts, so that"
                " only the files of the manifest are read"
            )
        self._manifest = listing
        self._chosen = None if listing.clips is None else frozenset(listing.clips)
        self._snapshot = manifest.root(listing, data_root)
        self._check_sizes(tuple(file for file in listing.files if file.chunk is None))
        try:
            self._interface = PhysicalAIAVDatasetInterface(
                listing.revision,
                repo_id=listing.repo_id,
                cache_dir=data_root,
                token=False,
                confirm_download_threshold_gb=float("inf"),
            )
        except UNREADABLE as error:
            raise UserError(
                f"metadata in {self._snapshot} cannot be read ({line_of(error)}): {manifest.FETCH}"
            ) from error
        self._checked: set[int] = set()
        self._clip: Clip | None = None

    @property
    def assumptions(self) -> dict[str, float]:
        """Nothing is assumed: the data set has calibrations."""
        return {}

    def clip_ids(self, chunk: int) -> list[str]:
        """Usable clips of a chunk, sorted: chosen, valid, with egomotion and camera.

        Raises:
            UserError: the manifest has no such chunk.
        """
        return [clip for clip, problem in self._problems(chunk).items() if problem is None]

    def missing(self, chunk: int) -> dict[str, str]:
        """The other clips of a chunk with the reason, sorted.

        Raises:
            UserError: the manifest has no such chunk.
        """
        return {clip: problem for clip, problem in self._problems(chunk).items() if problem}

    def group(self, clip_id: str) -> str:
        """The clip itself: no two clips share driving."""
        return clip_id

    def facts(self, chunk: int, *, events: bool = False) -> dict[str, Any]:
        """What a result made of a chunk depends on: its files' SHA-256 and its usable clips.

        Args:
            chunk: number of the chunk.
            events: whether the clips' events count too.

        Raises:
            UserError: the manifest has no such chunk, or no events that can be read.
        """
        clips = self.clip_ids(chunk)
        files = [file.sha256 for file in self._manifest.of_chunk(chunk)]
        if not events:
            return {"clips": clips, "files": files}
        # As text: what is malformed in it concerns one chunk, whose step tells.
        table = self._reasoning
        none: dict[str, list[str]] = {clip: [] for clip in clips}
        told = none | {
            clip: [str(text) for text in texts]
            for clip, texts in table[table.index.isin(clips)].groupby(level=0)["events"]
        }
        return {"clips": told, "files": files}

    def t0_grid(self, clip_id: str, start_s: float, stride_s: float) -> NDArray[np.int64]:
        """Times t0 (K,) [us] from `start_s` every `stride_s` that have all a sample needs.

        A t0 has a camera frame at or before it and another at or after it, and egomotion from
        1.5 s before to 6.4 s after it. K may be 0.
        """
        clip = self._open(clip_id)
        first_us, last_us = clip.egomotion.time_range
        frame_us = clip.video.timestamps
        earliest = max(int(frame_us[0]), int(first_us) - int(WINDOW_US[0]))
        latest = min(int(frame_us[-1]), int(last_us) - int(WINDOW_US[-1]))
        grid = np.arange(round(start_s * 1e6), latest + 1, round(stride_s * 1e6), dtype=np.int64)
        return grid[grid >= earliest]

    def ego_windows(
        self, clip_id: str, t0_us: NDArray[np.int64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Driven windows of 80 samples at 10 Hz around each t0 (K,), t0 at sample 15.

        Returns: xy (K, 80, 2) [m] and yaw (K, 80) [rad, unwrapped] in the anchor frame, and speed
        (K, 80) [m/s], the velocity's component along the vehicle, negative in reverse.

        Raises:
            UserError: a window reaches beyond the clip's egomotion.
        """
        egomotion = self._open(clip_id).egomotion
        times = np.asarray(t0_us, dtype=np.int64)[:, None] + WINDOW_US
        first_us, last_us = egomotion.time_range
        if times.size and (times.min() < first_us or times.max() > last_us):
            raise UserError(
                f"clip {clip_id}: egomotion spans {first_us}..{last_us} us, the windows need"
                f" {times.min()}..{times.max()} us: change dataset.t0_start_s"
            )
        state = egomotion(times.ravel())
        rotation = state.pose.rotation.as_matrix()
        # Column 0 is the body's x axis. The velocity is given in the anchor frame.
        speed = np.einsum("ni,ni->n", state.velocity, rotation[:, :, 0]).reshape(times.shape)
        yaw = np.arctan2(rotation[:, 1, 0], rotation[:, 0, 0]).reshape(times.shape)
        xy = state.pose.translation[:, :2].reshape(*times.shape, 2)
        return xy, np.unwrap(yaw, axis=-1), speed

    def frames(self, clip_id: str, t0_us: NDArray[np.int64]) -> NDArray[np.uint8]:
        """The latest camera frame at or before each t0 (K,): (K, H, W, 3) uint8 RGB.

        Raises:
            UserError: a t0 lies outside the video, or the video cannot be decoded.
        """
        video = self._open(clip_id).video
        if len(t0_us) == 0:
            return np.empty((0, video.stream.height, video.stream.width, 3), np.uint8)
        try:
            images, _ = video.decode_images_from_timestamps(np.asarray(t0_us, dtype=np.int64))
        except UNREADABLE as error:
            raise UserError(
                f"clip {clip_id}: no frames at {list(t0_us)} us ({line_of(error)})"
            ) from error
        return np.asarray(images, dtype=np.uint8)

    def camera(self, clip_id: str) -> FThetaCamera:
        """Intrinsics of the clip's camera.

        Raises:
            UserError: the chunk's calibration has no row for the clip and the camera.
        """
        return self._open(clip_id).camera

    def extrinsics(self, clip_id: str) -> RigExtrinsics:
        """Pose of the clip's camera in the rig.

        Raises:
            UserError: the chunk's calibration has no row for the clip and the camera.
        """
        return self._open(clip_id).extrinsics

    def events(self, clip_id: str) -> list[tuple[int, str]]:
        """Explained events (time [us], text) of a clip by time; none if it was never annotated.

        Raises:
            UserError: the data set has no reasoning file or the clip's events are malformed.
        """
        table = self._reasoning
        if clip_id not in table.index:
            return []
        try:
            listed = table.loc[[clip_id], "events"].dropna()
            return sorted(_event(row) for text in listed for row in json.loads(text))
        except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
            raise UserError(
                f"clip {clip_id}: malformed events in {layout.REASONING} ({line_of(error)}),"
                " expected a JSON list of objects with event_start_timestamp and cot"
            ) from error

    @cached_property
    def _reasoning(self) -> pd.DataFrame:
        if all(file.path != layout.REASONING for file in self._manifest.files):
            raise UserError(
                f"the manifest lists no {layout.REASONING}, which holds the events: use another"
                " label.source or fetch it with `avvla data fetch`"
            )
        try:
            return pd.read_parquet(self._snapshot / layout.REASONING)
        except UNREADABLE as error:
            raise UserError(
                f"{layout.REASONING} in {self._snapshot} cannot be read ({line_of(error)}):"
                f" {manifest.FETCH}"
            ) from error

    def _problems(self, chunk: int) -> dict[str, str | None]:
        """Clips of a chunk, sorted, each with the reason to leave it out or None."""
        self._manifest.of_chunk(chunk)
        index = self._interface.clip_index
        of_chunk = index[index["chunk"] == chunk].sort_index()
        problems: dict[str, str | None] = dict.fromkeys(of_chunk.index)
        presence = self._interface.feature_presence.reindex(of_chunk.index, fill_value=False)
        for feature in (self._camera, layout.EGOMOTION):
            # A feature without a column, as in revisions before 26.03, is there for every clip.
            if feature in presence.columns:
                absent = presence.index[~presence[feature].astype(bool)]
                problems |= dict.fromkeys(absent, f"no {feature}")
        if self._chosen is not None:
            others = of_chunk.index[~of_chunk.index.isin(self._chosen)]
            problems |= dict.fromkeys(others, "not chosen")
        invalid = of_chunk.index[~of_chunk["clip_is_valid"].astype(bool)]
        return problems | dict.fromkeys(invalid, "marked as not valid")

    def _open(self, clip_id: str) -> Clip:
        if self._clip is None or self._clip.clip_id != clip_id:
            if clip_id not in self._interface.clip_index.index:
                raise UserError(f"clip {clip_id} is not in {self._snapshot / layout.CLIP_INDEX}")
            chunk = int(self._interface.get_clip_chunk(clip_id))
            if chunk not in self._checked:
                self._check_sizes(self._manifest.of_chunk(chunk))
                self._checked.add(chunk)
            self._clip = Clip(self._interface, clip_id, self._camera)
        return self._clip

    def _check_sizes(self, files: tuple[manifest.File, ...]) -> None:
        for file in files:
            problem = manifest.size_problem(file, self._snapshot)
            if problem is not None:
                raise UserError(f"{problem}; {manifest.FETCH}")


def _event(row: dict[str, Any]) -> tuple[int, str]:
    """Time [us] and text of an entry of the reasoning file.

    Raises:
        KeyError, OverflowError, TypeError, ValueError: it has no time of 64 bits or no text.
    """
    # NVIDIA's own loader reads `cot`; files with `coc` are about as well.
    text = row["cot"] if "cot" in row else row["coc"]
    if not isinstance(text, str):
        raise TypeError(f"the text is {text!r}")
    return int(np.int64(int(row["event_start_timestamp"]))), text
