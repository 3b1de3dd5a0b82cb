"""The one factory of synthetic test data."""

from __future__ import annotations

import math
import uuid
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from avvla.actions.unicycle import rollout
from avvla.dataset.frames import Samples
from avvla.physical_ai import layout, manifest
from avvla.physical_ai.camera import FThetaCamera, front_camera_extrinsics, ideal
from avvla.physical_ai.writer import (
    ClipRecording,
    ClipRow,
    Vehicle,
    hub_snapshot,
    write_chunk,
    write_metadata,
)

CAMERA = "camera_front_wide_120fov"
VEHICLE = Vehicle(
    length=4.9, width=1.9, height=1.6, wheelbase=2.9, rear_axle_to_bbox_center=1.4, track_width=1.6
)
REVISION = "5" * 40
COMMANDS = ("Follow the lane", "Turn left", "Stop")
EVENTS = ((0, "Follow the lane"), (3_000_000, "Slow down because the lead vehicle brakes"))


def camera(width: int = 64, height: int = 36) -> FThetaCamera:
    """A small equidistant camera with a field of view of 120 degrees."""
    return ideal(width, height, math.radians(120))


def recordings(
    n_clips: int,
    seed: int = 0,
    *,
    video_s: float = 4.0,
    fps: float = 2.0,
    width: int = 64,
    height: int = 36,
    margin_s: float = 8.0,
) -> list[ClipRecording]:
    """Clips of circular arcs at a constant acceleration, exact in closed form.

    Frames are smooth gradients whose mean brightness rises with the frame's number. Egomotion at
    100 Hz starts 1 s before the clip and ends `margin_s` after its video.
    """
    return [
        _recording(np.random.default_rng([seed, index]), video_s, fps, width, height, margin_s)
        for index in range(n_clips)
    ]


def data_set(
    data_root: Path,
    clips: list[ClipRecording],
    *,
    clips_per_chunk: int = 2,
    without: dict[str, tuple[str, ...]] | None = None,
    invalid: tuple[str, ...] = (),
) -> manifest.Manifest:
    """Write clips as a snapshot below `data_root`.

    Args:
        without: clip id -> features that the metadata says are absent.
        invalid: clip ids marked as not valid.
    """
    height, width = clips[0].frames.shape[1:3]
    snapshot = hub_snapshot(data_root, layout.SYNTHETIC_REPO, REVISION)
    paths: list[str] = []
    rows: list[ClipRow] = []
    for first in range(0, len(clips), clips_per_chunk):
        chunk, members = first // clips_per_chunk, clips[first : first + clips_per_chunk]
        paths += write_chunk(
            snapshot, chunk, members, camera(width, height), front_camera_extrinsics(), CAMERA
        )
        for clip in members:
            absent = (without or {}).get(clip.clip_id, ())
            present = tuple(name for name in layout.features(CAMERA) if name not in absent)
            rows.append(
                ClipRow(
                    clip.clip_id,
                    chunk,
                    present,
                    clip.events,
                    clip_is_valid=clip.clip_id not in invalid,
                )
            )
    paths += write_metadata(snapshot, rows, CAMERA)
    return manifest.Manifest(
        source="synthetic",
        repo_id=layout.SYNTHETIC_REPO,
        revision=REVISION,
        camera=CAMERA,
        files=manifest.describe(snapshot, paths),
    )


def samples(episodes: Sequence[int], each: int = 3, size: int = 64) -> Samples:
    """`each` samples of every episode: noise to look at, gentle plans from about 8 m/s."""
    rng = np.random.default_rng(episodes[0])
    episode = np.repeat(episodes, each)
    count = len(episode)
    action = rng.normal(size=(count, 64, 2)) * (0.5, 0.01)
    speed = rng.uniform(6.0, 10.0, count)
    return Samples(
        image=rng.integers(0, 256, (count, size, size, 3), np.uint8),
        state=np.stack([speed, rng.uniform(-0.1, 0.1, count)], -1).astype(np.float32),
        action=action.astype(np.float32),
        trajectory=rollout(speed, action)[..., :3].astype(np.float32),
        command=tuple(COMMANDS[i % len(COMMANDS)] for i in range(count)),
        episode=episode,
        clip_id=tuple(f"clip-{number}" for number in episode),
    )


def contents(root: Path, *tops: str) -> dict[str, bytes]:
    """Every file below the folders `tops` of `root`: its path from `root`, and its bytes."""
    paths = sorted(path for top in tops for path in (root / top).rglob("*") if path.is_file())
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in paths}


def arc(
    distance: np.ndarray, curvature: float, yaw: float = 0.0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """x, y, yaw after `distance` [m] along a circle that starts at the origin with `yaw`."""
    turned = curvature * distance
    half = turned / 2
    chord = distance * np.sinc(half / np.pi)
    return chord * np.cos(yaw + half), chord * np.sin(yaw + half), yaw + turned


def _recording(
    rng: np.random.Generator, video_s: float, fps: float, width: int, height: int, margin_s: float
) -> ClipRecording:
    speed0, acceleration = rng.uniform(6, 12), rng.uniform(0.0, 0.4)
    curvature = rng.uniform(-0.02, 0.02)
    egomotion_us = np.arange(-1_000_000, round((video_s + margin_s) * 1e6), 10_000, dtype=np.int64)
    t = egomotion_us / 1e6
    distance = speed0 * t + acceleration * t**2 / 2
    frame_us = np.round(np.arange(round(video_s * fps)) * 1e6 / fps).astype(np.int64)
    rows, columns = np.mgrid[0:height, 0:width]
    level = np.linspace(30, 200, len(frame_us))[:, None, None]
    gray = level + 20 * columns / width + 20 * rows / height
    return ClipRecording(
        clip_id=str(uuid.UUID(bytes=rng.bytes(16), version=4)),
        frame_us=frame_us,
        frames=np.repeat(gray[..., None], 3, axis=-1).round().astype(np.uint8),
        egomotion_us=egomotion_us,
        pose=np.stack(arc(distance, curvature), axis=-1),
        speed=speed0 + acceleration * t,
        acceleration=np.full_like(t, acceleration),
        curvature=np.full_like(t, curvature),
        events=EVENTS,
        vehicle=VEHICLE,
    )
