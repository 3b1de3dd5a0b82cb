"""Reads clips of L2D: the state from its tables, frames from the video of one camera.

LeRobot's own data set class would decode seven cameras for each frame. Here a clip's path comes
from speed and heading, see `avvla.l2d.path`, and only frames that are asked for are decoded.

L2D tells no intrinsics. The camera is an equidistant one of the field of view that the manifest
assumes: good enough to crop by, no base for geometry. Its place in the vehicle is not known.
"""

from __future__ import annotations

import math
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from avvla.errors import UserError
from avvla.l2d import layout
from avvla.l2d.clip import Clip, cut
from avvla.l2d.frames import read_frames
from avvla.l2d.metadata import Episode, Info, files_of, read_drives, read_info
from avvla.l2d.video import decode
from avvla.physical_ai import manifest
from avvla.physical_ai.camera import FThetaCamera, ideal


class Drives:
    """The drives of a manifest, each a chunk. What was read of the last one is kept."""

    def __init__(self, listing: manifest.Manifest, data_root: Path) -> None:
        """Open the snapshot of `listing` in the hub cache at `data_root`.

        Raises:
            UserError: the manifest does not say how to read L2D.
        """
        if listing.reading is None or listing.camera is None:
            raise UserError(f"the manifest names no drives of L2D: {manifest.REMAKE}")
        self._camera = listing.camera
        self._reading = listing.reading
        self._sessions = {chunk: session for session, chunk in listing.reading.drives.items()}
        self._files = {file.path: file for file in listing.files}
        self._snapshot = manifest.root(listing, data_root)
        self._open: tuple[str, dict[str, Clip]] = ("", {})

    @property
    def assumptions(self) -> dict[str, float]:
        """The camera's field of view, which L2D does not tell."""
        return {"camera_hfov_deg": self._reading.hfov_deg}

    def clip_ids(self, chunk: int) -> list[str]:
        """Usable clips of a drive, sorted.

        Raises:
            UserError: the manifest has no such drive, or it cannot be read.
        """
        clips = self._clips(self._session(chunk))
        return [clip_id for clip_id, clip in clips.items() if not clip.problem]

    def missing(self, chunk: int) -> dict[str, str]:
        """The other clips of a drive with the reason, sorted.

        Raises:
            UserError: the manifest has no such drive, or it cannot be read.
        """
        clips = self._clips(self._session(chunk))
        return {clip_id: clip.problem for clip_id, clip in clips.items() if clip.problem}

    def group(self, clip_id: str) -> str:
        """The clip's drive: its clips share driver, streets and weather, and partly their paths."""
        return clip_id.rpartition(".")[0]

    def facts(self, chunk: int, *, events: bool = False) -> dict[str, Any]:
        """What a result made of a drive depends on: its files' SHA-256, and how they are read.

        Args:
            chunk: number of the drive.
            events: makes no difference, the instructions are in the state tables.

        Raises:
            UserError: the manifest has no such drive, or the metadata cannot be read.
        """
        session = self._session(chunk)
        paths = {*self._metadata, *files_of(self._episodes(session))}
        return {
            "files": [self._file(path).sha256 for path in sorted(paths)],
            "reading": self._reading.model_dump(exclude={"drives"}),
            "session": session,
        }

    def t0_grid(self, clip_id: str, start_s: float, stride_s: float) -> NDArray[np.int64]:
        """Times t0 (K,) [us] as `avvla.l2d.clip.Clip.t0_grid` has them; K may be 0."""
        return self._clip(clip_id).t0_grid(start_s, stride_s)

    def ego_windows(
        self, clip_id: str, t0_us: NDArray[np.int64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Driven windows of 80 samples at 10 Hz around each t0 (K,), t0 at sample 15.

        Returns: xy (K, 80, 2) [m] and yaw (K, 80) [rad, unwrapped], x to the east, y to the north,
        and speed (K, 80) [m/s].

        Raises:
            UserError: a window reaches beyond the stretch of the clip.
        """
        return self._clip(clip_id).ego_windows(t0_us)

    def frames(self, clip_id: str, t0_us: NDArray[np.int64]) -> NDArray[np.uint8]:
        """The latest camera frame at or before each t0 (K,): (K, H, W, 3) uint8 RGB.

        Raises:
            UserError: a t0 lies outside the clip, or a video is missing or damaged.
        """
        clip = self._clip(clip_id)
        shown = clip.frames.take(clip.latest(t0_us))
        shape = (self._info.height, self._info.width)
        images = np.empty((len(shown.number), *shape, 3), np.uint8)
        episodes = self._episodes(self.group(clip_id))
        for place in np.unique(shown.episode).tolist():
            path, start_s = episodes[place].video, episodes[place].video_start_s
            here = np.flatnonzero(shown.episode == place)
            number, again = np.unique(shown.number[here], return_inverse=True)
            # The video has a picture for each row of the state, at the data set's rate.
            time_s = start_s + number / layout.FPS
            self._check_size(path)
            images[here] = decode(self._snapshot / path, time_s, layout.FPS, shape)[again]
        return images

    def camera(self, clip_id: str) -> FThetaCamera:
        """The assumed camera: equidistant and centred, see the module's docstring."""
        return ideal(self._info.width, self._info.height, math.radians(self._reading.hfov_deg))

    def extrinsics(self, clip_id: str) -> None:
        """None: the camera's place in the vehicle is not known."""

    def events(self, clip_id: str) -> list[tuple[int, str]]:
        """The instructions of a clip, (time [us], text), at its start and where they change."""
        return self._clip(clip_id).events()

    @cached_property
    def _metadata(self) -> tuple[str, ...]:
        paths = tuple(path for path in self._files if layout.parse(path)[0] == "metadata")
        for path in paths:
            self._check_size(path)
        return paths

    @cached_property
    def _info(self) -> Info:
        return read_info(self._snapshot, self._camera)

    @cached_property
    def _drives(self) -> dict[str, list[Episode]]:
        tables = [path for path in self._metadata if path.startswith(layout.EPISODES)]
        return read_drives(self._snapshot, tables, self._camera)

    def _session(self, chunk: int) -> str:
        if chunk not in self._sessions:
            raise UserError(f"the manifest has no drive {chunk}; it has {sorted(self._sessions)}")
        return self._sessions[chunk]

    def _episodes(self, session: str) -> list[Episode]:
        if session not in self._reading.drives or session not in self._drives:
            raise UserError(
                f"drive {session} is not in the manifest or not in its metadata: {manifest.REMAKE}"
            )
        return self._drives[session]

    def _clips(self, session: str) -> dict[str, Clip]:
        if self._open[0] != session:
            episodes = self._episodes(session)
            for path in sorted({episode.data for episode in episodes}):
                self._check_size(path)
            policies = self._reading.policies
            frames = read_frames(self._snapshot, episodes, self._info, policies)
            self._open = (session, cut(session, frames))
        return self._open[1]

    def _clip(self, clip_id: str) -> Clip:
        clips = self._clips(self.group(clip_id))
        if clip_id not in clips:
            raise UserError(f"clip {clip_id} is not among the {len(clips)} clips of its drive")
        return clips[clip_id]

    def _file(self, path: str) -> manifest.File:
        if path not in self._files:
            raise UserError(f"the manifest lists no {path}: {manifest.REMAKE}")
        return self._files[path]

    def _check_size(self, path: str) -> None:
        problem = manifest.size_problem(self._file(path), self._snapshot)
        if problem is not None:
            raise UserError(f"{problem}; {manifest.FETCH}")
