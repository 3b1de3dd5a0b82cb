"""The one factory of small data sets in L2D's schema, written by LeRobot's own recorder."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
from lerobot.configs import RGBEncoderConfig
from lerobot.datasets import LeRobotDataset

from avvla.config import Dataset, Params
from avvla.errors import UserError
from avvla.l2d import layout
from avvla.l2d.download import fetch
from avvla.l2d.path import EARTH_RADIUS_M
from avvla.l2d.reader import Drives
from avvla.physical_ai import manifest
from avvla.physical_ai.layout import snapshot
from avvla.physical_ai.manifest import File, Manifest

REPO, REVISION = "yaak-ai/L2D", "c0ffee" * 6 + "c0ff"
FRONT = "observation.images.front_left"
SIDES = ("left_forward", "right_forward", "left_backward", "right_backward", "rear")
WIDTH, HEIGHT = 64, 36
MAP_SIZE = (36, 64)
EPOCH_NS = 1_685_725_291_000_000_123  # as in real drives, no whole microsecond
STEP_NS = 100_000_000
DATA = "data/chunk-000/file-000.parquet"
EPISODES = "meta/episodes/chunk-000/file-000.parquet"
VIDEO = f"videos/{FRONT}/chunk-000/file-000.mp4"
TASK = "Follow the waypoints while adhering to traffic rules and regulations"


@dataclass(frozen=True)
class Drive:
    """A drive along an arc at constant speed, recorded as overlapping windows."""

    session: str
    policy: str = layout.EXPERT
    speed_kmh: float = 36.0
    heading_deg: float = 20.0
    turn_deg_s: float = 0.0
    """Clockwise."""
    starts_s: tuple[float, ...] = (0.0, 3.0, 6.0, 9.0)
    """Starts of the windows."""
    window_s: float = 6.0
    instructions: tuple[str, ...] = ("Drive straight for 200 m",)
    """Of the windows, again from the first one when they are over."""


DRIVES = (
    Drive("a58deaa0-0000", turn_deg_s=2.0),
    Drive("b1f0aa11-0001", speed_kmh=28.0, heading_deg=3.0, turn_deg_s=-4.0,
          instructions=("In 50 m, turn left", "Turn left at the junction")),
    Drive("c7f221eb-0002", speed_kmh=18.0, heading_deg=200.0),
    Drive("d00dfeed-0003", policy=layout.STUDENT),
)  # fmt: skip


def state(drive: Drive, time_s: np.ndarray) -> dict[str, np.ndarray]:
    """Exact x to the east, y to the north [m], yaw [rad], speed [m/s] at times (N,) of a drive."""
    speed = drive.speed_kmh / 3.6
    turn = -math.radians(drive.turn_deg_s)
    yaw0 = math.pi / 2 - math.radians(drive.heading_deg)
    yaw = yaw0 + turn * time_s
    chord = speed * time_s * np.sinc(turn * time_s / 2 / np.pi)
    middle = yaw0 + turn * time_s / 2
    return {
        "x": chord * np.cos(middle),
        "y": chord * np.sin(middle),
        "yaw": yaw,
        "speed": np.full_like(time_s, speed),
    }


def gps(xy: np.ndarray, latitude_deg: float = 52.0) -> tuple[np.ndarray, np.ndarray]:
    """Latitude and longitude [degree] of positions (N, 2) [m], with float32's resolution."""
    across = EARTH_RADIUS_M * math.cos(math.radians(latitude_deg))
    latitude = latitude_deg + np.degrees(xy[:, 1] / EARTH_RADIUS_M)
    longitude = 13.4 + np.degrees(xy[:, 0] / across)
    return latitude.astype(np.float32).astype(float), longitude.astype(np.float32).astype(float)


def brightness(frame: int | np.ndarray) -> int | np.ndarray:
    """Grey level of the front camera's frame of this number in a drive, again after 4.8 s."""
    return 10 + frame % 48 * 5


def data_set(data_root: Path, drives: Sequence[Drive] = DRIVES) -> Path:
    """Write drives as a snapshot below `data_root`; its folder."""
    root = snapshot(data_root, REPO, REVISION)
    dataset = LeRobotDataset.create(
        REPO,
        fps=layout.FPS,
        root=root,
        robot_type="KIA Niro EV 2023",
        features=features(),
        rgb_encoder=RGBEncoderConfig(vcodec="h264", preset="ultrafast", g=8, crf=12),
        encoder_threads=1,
        video_backend="pyav",
    )
    sessions = []
    for drive in drives:
        for place, start_s in enumerate(drive.starts_s):
            for frame in _frames(drive, place, start_s):
                dataset.add_frame(frame)
            dataset.save_episode(parallel_encoding=False)
            sessions.append(drive.session)
    dataset.finalize()
    table = root / EPISODES
    episodes = pd.read_parquet(table)
    episodes["session_id"] = sessions
    episodes["canonical_name"] = [f"Niro110-HQ/{session}" for session in sessions]
    episodes.to_parquet(table, index=False)
    return root


def features() -> dict[str, dict]:
    """The features of info.json, as L2D-v3 has them, with small images."""
    axes = ("speed", "heading", "heading_error", "hp_loc_latitude", "hp_loc_longitude",
            "hp_loc_altitude", "acceleration_x", "acceleration_y")  # fmt: skip
    texts = [
        f"observation.state.{name}"
        for name in (
            "lanes",
            "road",
            "surface",
            "max_speed",
            "precipitation",
            "conditions",
            "lighting",
        )
    ]
    channels = ["channel", "height", "width"]
    cameras = [FRONT, *(f"observation.images.{name}" for name in SIDES)]
    return {
        **{name: {"dtype": "video", "shape": (3, HEIGHT, WIDTH), "names": channels}
           for name in cameras},
        "observation.images.map": {
            "dtype": "video", "shape": (3, *MAP_SIZE), "names": channels},
        layout.VEHICLE: {"dtype": "float32", "shape": (8,), "names": {"axes": list(axes)}},
        **{name: {"dtype": "string", "shape": (1,), "names": None} for name in
           (*texts, layout.POLICY, layout.INSTRUCTION)},
        "observation.state.waypoints": {
            "dtype": "float32", "shape": (10, 2), "names": ["way", "points"]},
        layout.TIMESTAMP: {
            "dtype": "int64", "shape": (1,), "names": {"axes": ["unix_epoc_timestamp"]}},
        "action.continuous": {"dtype": "float32", "shape": (3,), "names": {"axes": [
            "gas_pedal_normalized", "brake_pedal_normalized", "steering_angle_normalized"]}},
        "action.discrete": {
            "dtype": "int32", "shape": (2,), "names": {"axes": ["gear", "turn_signal"]}},
    }  # fmt: skip


def _frames(drive: Drive, place: int, start_s: float):
    first = round(start_s * layout.FPS)
    number = first + np.arange(round(drive.window_s * layout.FPS))
    exact = state(drive, number / layout.FPS)
    latitude, longitude = gps(np.stack([exact["x"], exact["y"]], axis=-1))
    heading = (drive.heading_deg + drive.turn_deg_s * number / layout.FPS) % 360.0
    side = np.full((HEIGHT, WIDTH, 3), 255, np.uint8)
    for i, frame in enumerate(number.tolist()):
        vehicle = [drive.speed_kmh, heading[i], 0.1, latitude[i], longitude[i], 34.0, 0.0, 0.0]
        yield {
            FRONT: np.full((HEIGHT, WIDTH, 3), brightness(frame), np.uint8),
            **{f"observation.images.{name}": side for name in SIDES},
            "observation.images.map": np.zeros((*MAP_SIZE, 3), np.uint8),
            layout.VEHICLE: np.array(vehicle, np.float32),
            "observation.state.lanes": "2",
            "observation.state.road": "residential",
            "observation.state.surface": "asphalt",
            "observation.state.max_speed": "50.0",
            "observation.state.precipitation": "None",
            "observation.state.conditions": "Clear",
            "observation.state.lighting": "Day",
            "observation.state.waypoints": np.zeros((10, 2), np.float32),
            layout.TIMESTAMP: np.array([EPOCH_NS + frame * STEP_NS], np.int64),
            layout.POLICY: drive.policy,
            layout.INSTRUCTION: drive.instructions[place % len(drive.instructions)],
            "action.continuous": np.zeros(3, np.float32),
            "action.discrete": np.array([4, 0], np.int32),
            "task": TASK,
        }


def dataset(**choice: object) -> Dataset:
    """The section `dataset` of the parameters, with `choice` in its part l2d."""
    l2d = {"revision": REVISION, "drives": 3, **choice}
    params = {"source": "l2d", "camera": FRONT, "t0_start_s": 0.5, "l2d": l2d}
    return Params.model_validate({"dataset": params}).dataset


@dataclass(frozen=True)
class AreThere:
    """A transfer that brings nothing: files have to be in the snapshot."""

    snapshot: Path

    def below(self, folder: str) -> tuple[str, ...]:
        files = (path for path in (self.snapshot / folder).rglob("*") if path.is_file())
        return tuple(path.relative_to(self.snapshot).as_posix() for path in files)

    def bring(self, paths: Iterable[str]) -> tuple[File, ...]:
        listed = sorted(paths)
        for path in listed:
            if not (self.snapshot / path).is_file():
                raise UserError(f"{path} is not there")
        return tuple(
            file.model_copy(update={"feature": layout.parse(file.path)[0]})
            for file in manifest.describe(self.snapshot, listed)
        )

    def bring_chunks(self, paths: Mapping[int, Sequence[str]], workers: int) -> tuple[File, ...]:
        return self.bring({path for part in paths.values() for path in part})


class Copy:
    """A copy of the data set in a hub cache of its own."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.snapshot = snapshot(root, REPO, REVISION)

    def change(self, name: str, change: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
        """Rewrite a table, of what is read alone: pandas cannot write LeRobot's matrices."""
        path = self.snapshot / name
        table = pq.read_table(path)
        if name == DATA:
            table = table.select(list(layout.STATE_COLUMNS))
        change(table.to_pandas()).to_parquet(path, index=False)

    def fetch(self, **choice: object) -> Manifest:
        section = dataset(**choice)
        revision = section.l2d.revision or REVISION
        return fetch(section, self.snapshot, revision, AreThere(self.snapshot), 1)

    def open(self, **choice: object) -> Drives:
        return Drives(self.fetch(**choice), self.root)
