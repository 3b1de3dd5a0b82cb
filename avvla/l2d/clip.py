"""Clips of one drive: frames that follow each other without a gap, with the path that was driven.

Frames without a gap are a stretch, over which the path is integrated. A clip is CLIP_US of a
stretch; its egomotion goes on in the stretch, so that a cut costs no t0. Times are int64
microseconds from the clip's first frame on; positions are east and north of the stretch's first.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from avvla.errors import UserError
from avvla.l2d.frames import Frames
from avvla.l2d.path import gps_disagrees, integrate, mps_of_kmh, yaw_of_heading
from avvla.window import WINDOW_US

CLIP_US = 20_000_000
LARGEST_GAP_US = 250_000
"""One frame may be lost; a longer silence ends a stretch."""
NOT_FINITE = "speed or heading is not finite"
GPS_DISAGREES = "GPS disagrees with speed and heading"

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Motion:
    """The path of a stretch of M frames: xy (M, 2) [m], yaw (M,) [rad], speed (M,) [m/s]."""

    time_us: IntArray
    """(M,) since the epoch."""
    xy: FloatArray
    yaw: FloatArray
    speed: FloatArray


@dataclass(frozen=True, eq=False)
class Clip:
    """F frames of a drive and the motion of the stretch that they are in."""

    clip_id: str
    frames: Frames
    motion: Motion
    problem: str
    """Why it is not usable, "" if it is."""

    @property
    def frame_us(self) -> IntArray:
        """Times (F,) of the frames [us]."""
        return np.asarray(self.frames.time_us - self.frames.time_us[0], np.int64)

    @property
    def motion_us(self) -> IntArray:
        """Times (M,) of the motion [us]."""
        return np.asarray(self.motion.time_us - self.frames.time_us[0], np.int64)

    def t0_grid(self, start_s: float, stride_s: float) -> IntArray:
        """Times (K,) of the frames nearest to `start_s` and every `stride_s` after it [us].

        A t0 is the time of a frame, so that its picture and its state are of one moment, and has
        all of its window.
        """
        frame_us, motion_us = self.frame_us, self.motion_us
        middles = (frame_us[1:] + frame_us[:-1]) / 2
        grid = np.arange(start_s * 1e6, frame_us[-1] + 1, stride_s * 1e6)
        t0_us = frame_us[np.unique(np.searchsorted(middles, grid))]
        earliest, latest = motion_us[0] - WINDOW_US[0], motion_us[-1] - WINDOW_US[-1]
        return np.asarray(t0_us[(t0_us >= earliest) & (t0_us <= latest)], np.int64)

    def ego_windows(self, t0_us: IntArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Windows of 80 samples at 10 Hz around each t0 (K,): xy (K, 80, 2), yaw, speed (K, 80).

        Raises:
            UserError: a window reaches beyond the stretch.
        """
        known_us, times = self.motion_us, np.asarray(t0_us, np.int64)[:, None] + WINDOW_US
        if times.size and (times.min() < known_us[0] or times.max() > known_us[-1]):
            raise UserError(
                f"clip {self.clip_id}: its driving spans {known_us[0]}..{known_us[-1]} us, the"
                f" windows need {times.min()}..{times.max()} us: change dataset.t0_start_s"
            )
        x, y, yaw, speed = (
            np.interp(times, known_us, values)
            for values in (*self.motion.xy.T, self.motion.yaw, self.motion.speed)
        )
        return np.stack([x, y], axis=-1), yaw, speed

    def latest(self, t0_us: IntArray) -> IntArray:
        """Places (K,) of the latest frames at or before each t0 (K,).

        Raises:
            UserError: a t0 lies outside the clip.
        """
        frame_us, t0_us = self.frame_us, np.asarray(t0_us, np.int64)
        if t0_us.size and (t0_us.min() < 0 or t0_us.max() > frame_us[-1]):
            raise UserError(
                f"clip {self.clip_id}: its frames span 0..{frame_us[-1]} us, asked for was"
                f" {t0_us.min()}..{t0_us.max()} us"
            )
        return np.asarray(np.searchsorted(frame_us, t0_us, side="right") - 1, np.int64)

    def events(self) -> list[tuple[int, str]]:
        """The instructions (time [us], text) at the clip's start and where they change."""
        texts = self.frames.instruction
        changes = [0, *(np.flatnonzero(texts[1:] != texts[:-1]) + 1).tolist()]
        return [(int(self.frame_us[place]), str(texts[place])) for place in changes]


def cut(session: str, frames: Frames) -> dict[str, Clip]:
    """The clips of a drive, by id, which is by time."""
    gaps = np.flatnonzero(np.diff(frames.time_us) > LARGEST_GAP_US) + 1
    stretches = (frames.take(places) for places in np.split(np.arange(len(frames.time_us)), gaps))
    parts = (part for stretch in stretches if len(stretch.time_us) for part in _cut(stretch))
    clips = (Clip(f"{session}.{i:04d}", *part) for i, part in enumerate(parts))
    return {clip.clip_id: clip for clip in clips}


def _cut(stretch: Frames) -> Iterator[tuple[Frames, Motion, str]]:
    """The parts of a stretch of M frames: their frames, the motion of all, and their problems."""
    time_us, since_us = stretch.time_us, stretch.time_us - stretch.time_us[0]
    speed_kmh, heading, latitude, longitude = stretch.vehicle.T
    finite = np.isfinite(speed_kmh) & np.isfinite(heading)
    speed = mps_of_kmh(np.where(finite, speed_kmh, 0.0))
    yaw = yaw_of_heading(np.where(finite, heading, 0.0))
    motion = Motion(time_us, integrate(since_us / 1e6, speed, yaw), yaw, speed)
    begins = np.flatnonzero(np.diff(since_us // CLIP_US, prepend=-1)).tolist()
    for begin, end in zip(begins, [*begins[1:], len(time_us)], strict=True):
        here = slice(begin, end)
        reach = np.searchsorted(time_us, time_us[[begin, end - 1]] + WINDOW_US[[0, -1]])
        problem = ""
        if not finite[slice(*reach.tolist())].all():
            problem = NOT_FINITE
        elif gps_disagrees(motion.xy[here], latitude[here], longitude[here]):
            problem = GPS_DISAGREES
        yield stretch.take(here), motion, problem
