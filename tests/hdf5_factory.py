"""HDF5 episodes as the recorder of the simulation writes them, small, in both image layouts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import cv2
import h5py
import numpy as np

from avvla.config import Params
from avvla.dataset.builder import Inputs
from avvla.files import chunk_file
from avvla.hdf5 import source
from avvla.hdf5.chunk import action_chunk, label_chunk

CAMERAS = ("side_camera", "tool_camera", "top_camera")
HEIGHT, WIDTH = 24, 32
TASK = "Insert the needle into the eye trocar"
SIZE = 64
PARAMS: dict[str, Any] = {
    "dataset": {"source": "hdf5", "hdf5": {"episodes_per_chunk": 2}},
    "label": {"source": "fixed", "command": TASK},
    "build": {"image_size": SIZE, "validation": 0.25},
    "policy": {
        "backbone": {"vision_width": 32, "vision_layers": 1, "text_width": 32, "text_layers": 2},
        "max_dim": 12,
        "train_expert_only": True,
        "freeze_vision": True,
        "horizon_decay_s": 0.0,
    },
    "train": {
        "steps": 4,
        "batch_size": 4,
        "processes": 1,
        "log_every": 2,
        "warmup_steps": 1,
        "heading_dropout": 0.0,
        "mirror": 0.0,
    },
}
"""The pipeline at the size of these episodes."""


def picture(camera: int, frame: int, seed: int = 0) -> np.ndarray:
    """(24, 32, 3) RGB: the camera decides the colour, the frame how far a bar has moved."""
    image = np.full((HEIGHT, WIDTH, 3), 40, np.uint8)
    image[..., camera % 3] = 200
    image[:, 2 * (frame + seed) % WIDTH] = 255
    return image


def episode(
    path: Path,
    frames: int = 8,
    seed: int = 0,
    *,
    layout: Literal["jpeg", "raw"] = "jpeg",
    cameras: tuple[str, ...] = CAMERAS,
    change: Mapping[str, Any] | None = None,
) -> Path:
    """Write an episode.

    Args:
        path: of the file.
        frames: how many it has.
        seed: of its numbers.
        layout: JPEG bytes of variable length, or raw arrays with gzip.
        cameras: their names.
        change: key -> array to write in place of its own, or None to leave it out.
    """
    rng = np.random.default_rng([5, seed])
    time = np.arange(frames)[:, None] / 10
    pose = np.sin(time + rng.uniform(0, 6, 6)) * (0.1, 0.1, 0.05, 0.4, 0.4, 0.2)
    joints = np.cos(time + rng.uniform(0, 6, 6))
    arrays = {
        "observations/qpos": joints.astype(np.float32),
        "observations/ee_pose": pose.astype(np.float32),
        "action": np.concatenate([joints[1:], joints[-1:]]).astype(np.float32),
        # Seconds since 1970 in float32, as the recorder has them: all the same.
        "timestamp": (1.7e9 + time[:, 0]).astype(np.float32),
    }
    arrays |= {
        key: value for key, value in (change or {}).items() if key in arrays and value is not None
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        for key, array in arrays.items():
            if (change or {}).get(key, array) is not None:
                file[key] = array
        for number, camera in enumerate(cameras):
            pictures = [picture(number, frame, seed) for frame in range(frames)]
            _store(file, f"observations/images/{camera}", pictures, layout)
    return path


def episodes(folder: Path, count: int, frames: int = 8, **options: Any) -> list[Path]:
    """Write `count` episodes into nested folders, every second one in the other image layout."""
    return [
        episode(
            folder / f"day_{i // 2}" / f"episode_20250101_0000{i:02d}.h5",
            frames + i,
            seed=i,
            layout="raw" if i % 2 else "jpeg",
            **options,
        )
        for i in range(count)
    ]


def inputs(folder: Path, hdf5: Mapping[str, Any] | None = None) -> Inputs:
    """What a data set of the episodes in `folder`/episodes is built from."""
    settings = {**PARAMS["dataset"]["hdf5"], **(hdf5 or {})}
    params = Params.model_validate({**PARAMS, "dataset": {"source": "hdf5", "hdf5": settings}})
    wanted = params.dataset.hdf5
    found = source.survey(folder / "episodes", wanted, folder / "work", 1)
    listing = source.link(found, wanted, folder / "raw")
    logs: dict[str, Any] = {"listing": listing, "data_root": folder / "raw"}
    for name in ("labels", "actions"):
        (folder / name).mkdir(exist_ok=True)
    for chunk in listing.chunks:
        labels, actions = (folder / name / chunk_file(chunk) for name in ("labels", "actions"))
        label_chunk(chunk, labels, command=TASK, fps=wanted.fps, **logs)
        action_chunk(chunk, actions, hdf5=wanted, **logs)
    places = {"labels": folder / "labels", "actions": folder / "actions", "work": folder / "work"}
    return Inputs(params=params, **logs, **places)


def put_jpeg(path: Path, camera: str, frame: int, content: bytes) -> None:
    """Replace a frame's JPEG by other bytes."""
    with h5py.File(path, "r+") as file:
        file[f"observations/images/{camera}"][frame] = np.frombuffer(content, np.uint8)


def put(path: Path, key: str, place: Any, value: Any) -> None:
    """Replace values of an array."""
    with h5py.File(path, "r+") as file:
        file[key][place] = value


def truncate(path: Path, share: float = 0.5) -> None:
    """Cut a file as a crash does."""
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])


def _store(file: h5py.File, key: str, pictures: list[np.ndarray], layout: str) -> None:
    if layout == "raw":
        file.create_dataset(key, data=np.stack(pictures), compression="gzip")
        return
    rows = file.create_dataset(key, (len(pictures),), h5py.vlen_dtype(np.uint8))
    for i, image in enumerate(pictures):
        quality = [cv2.IMWRITE_JPEG_QUALITY, 95]
        _, jpeg = cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), quality)
        rows[i] = jpeg.ravel()
