"""Small run folders and logs as Alpasim writes them: made up, in the vocabulary of its versions."""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

REAL = Path(__file__).parents[2] / "shared/cases/alpasim_configs"
TABLES = Path(__file__).parents[2] / "shared/data"
SCENE, OTHER_SCENE = "clipgt-00000000-aaaa", "clipgt-11111111-bbbb"
ROLLOUT = "0f0f0f0f-0000-1111-2222-333333333333"
BOTH = [(SCENE, ROLLOUT), (OTHER_SCENE, ROLLOUT)]
SET = "0123456789abcdef0123456789abcdef"
WIDE, TELE = "camera_front_wide_120fov", "camera_front_tele_30fov"

CAMERA = """\
{indent}- first_frame_offset_us: -30000
{indent}  frame_interval_us: 100000
{indent}  height: 1080
{indent}  logical_id: {name}
{indent}  shutter_duration_us: 30000
{indent}  width: 1900
"""
OLD_USER = """\
# what is simulated
endpoints:
  do_shutdown: true  # ends the driver
  driver:
    n_concurrent_rollouts: 14
scenarios:
  - assert_zero_decision_delay: true
    cameras:
{cameras}    control_timestep_us: 100000
    egopose_interval_us: 100000
    force_gt_duration_us: 1700000
    n_rollouts: 2
    n_sim_steps: 200  # 20 s
    scene_id: {scene}
    time_start_offset_us: 300000
"""
NEW_USER = """\
# what is simulated
endpoints:
  driver:
    n_concurrent_rollouts: 4
simulation_config:
  n_sim_steps: 200  # 20 s
  n_rollouts: 2
  force_gt_duration_us: 1700000
  control_timestep_us: 100000
  assert_zero_decision_delay: true
  cameras:
{cameras}prometheus:
  worker_ports:
    - 6000
  url: http://localhost:6001
scenes:
  - scene_id: {scene}
"""
OLD_NETWORK = """\
controller:
  addresses:
    - localhost:6003
# the driver
driver:
  addresses:
    - localhost:6000  # here
sensorsim:
  addresses:
    - localhost:6001
trafficsim:
  addresses: []
"""
NEW_NETWORK = """\
# the driver
driver:
  endpoints:
    - address: localhost:6005  # here
      managed: true
renderer:
  endpoints:
    - address: localhost:6006
      managed: true
trafficsim:
  endpoints: []
"""
DRIVER = """\
host: 0.0.0.0
inference:
  context_length: 4
  subsample_factor: 1
  use_cameras:
    - camera_front_tele_30fov
    - camera_front_wide_120fov
model:
  model_type: alpamayo1
port: ???  # the command line's
"""
CONTAINER = """\
  {name}:
    command:
      - -c
      - {command}
    image: {image}
    network_mode: host
"""
EVAL = "aggregation_modifiers:\n  max_dist_to_gt_trajectory: 4.0\n"


def run_folder(folder: Path, *, old: bool) -> Path:
    """A run folder of version 0.1.3 (old) or 0.111, without logs."""
    folder.mkdir(parents=True)
    cameras = "".join(CAMERA.format(name=name, indent=" " * 6) for name in (WIDE, TELE))
    if not old:
        cameras = "\n".join(
            line[2:] if "offset" not in line else line[2:].split("first")[0] + "x: 0"
            for line in cameras.splitlines()
        )
        cameras = cameras.replace("x: 0", "shutter_us: 0") + "\n"
    user = (OLD_USER if old else NEW_USER).format(cameras=cameras, scene=SCENE)
    port, image = (6000, "alpasim-base:0.1.3") if old else (6005, "alpasim-base:0.111.0")
    services = {
        "driver-0": (f"uv run driver host=0.0.0.0\n        port={port}", image, "sim"),
        "runtime-0": ("uv run simulate", image, "sim"),
        ("sensorsim-0" if old else "renderer-0"): (
            f"serve --glob=/mnt/scenesets/{SET}/**/*.usdz", "renderer:1", "sim",
        ),
        "controller-0": ("uv run controller", image, "sim"),
    }  # fmt: skip
    if old:
        services |= {
            "eval-0": ("alpasim-eval", image, "eval"),
            "post_eval_aggregation-0": ("alpasim-aggregation", image, "aggregation"),
        }
    compose = "services:\n"
    for name, (command, tag, profile) in services.items():
        compose += CONTAINER.format(name=name, command=command, image=tag)
        compose += f"    profiles:\n      - {profile}\n" if old else ""
        compose += f"    ports:\n      - {port}:{port}\n" if name == "driver-0" else ""
    texts = {
        "generated-network-config.yaml": OLD_NETWORK if old else NEW_NETWORK,
        "generated-user-config-0.yaml": user,
        "driver-config.yaml": DRIVER,
        "docker-compose.yaml": compose,
        "eval-config.yaml": EVAL,
        "run_metadata.yaml": "run_name: LR-1\nrun_uuid: '1'\ntest_suite_id: null\n",
    }
    for name, text in texts.items():
        (folder / name).write_text(text)
    return folder


def varint(value: int) -> bytes:
    found = b""
    while value > 0x7F:
        found += bytes([value & 0x7F | 0x80])
        value >>= 7
    return found + bytes([value])


def part(number: int, content: bytes | str) -> bytes:
    content = content.encode() if isinstance(content, str) else content
    return varint(number << 3 | 2) + varint(len(content)) + content


def whole(number: int, value: int) -> bytes:
    return varint(number << 3) + varint(value)


def fixed(number: int, value: int) -> bytes:
    return varint(number << 3 | 1) + struct.pack("<Q", value)


def real(number: int, value: float) -> bytes:
    return varint(number << 3 | 5) + struct.pack("<f", value)


def entry(kind: int, content: bytes) -> bytes:
    """A LogEntry with its length in front."""
    message = part(kind, content)
    return struct.pack(">I", len(message)) + message


def pose(x: float, y: float) -> bytes:
    return part(1, real(1, x) + real(2, y)) + part(2, real(1, 1.0))


def metadata(steps: int, scene: str = SCENE) -> bytes:
    session = part(1, "session") + part(2, scene) + whole(4, steps) + fixed(5, 1_000_000)
    session += fixed(6, 100_000) + part(8, "26.04")
    return entry(1, part(1, session) + fixed(3, 1_700_000))


def step(number: int, images: dict[str, bytes]) -> bytes:
    """What a control step leaves in a log: actors, images of all cameras, a drive."""
    time_us = 1_000_000 + number * 100_000
    actors = fixed(1, time_us)
    for index, name in enumerate(("EGO", "car")):
        place = pose(float(number), 3.0 * index)
        actors += part(2, part(1, name) + part(2, place))
    found = entry(2, actors)
    for name, image in images.items():
        camera = fixed(2, time_us - 30_000) + fixed(3, time_us) + part(4, image) + part(5, name)
        found += entry(11, part(1, "session") + part(3, camera))
    found += entry(4, part(1, "session") + fixed(3, time_us))
    plan = b"".join(
        part(1, part(1, pose(number + 0.1 * k, 0.0)) + fixed(2, time_us + k * 100_000))
        for k in range(3)
    )
    return found + entry(5, part(2, plan))


def log(steps: int, images: dict[str, bytes] | None = None, wanted: int | None = None) -> bytes:
    """A log of `steps` control steps of the `wanted` ones."""
    begun = metadata(steps if wanted is None else wanted)
    return begun + b"".join(step(number, images or {}) for number in range(steps + 1))


def rollout(run: Path, content: bytes, *, old: bool, complete: bool = True, name: str = ROLLOUT,
            scene: str = SCENE) -> Path:  # fmt: skip
    """A rollout's folder in a run; the path of its log."""
    folder = run / ("asl" if old else "rollouts") / scene / name
    folder.mkdir(parents=True)
    path = folder / ("0.asl" if old else "rollout.asl")
    path.write_bytes(content)
    if complete:
        (folder / "_complete").touch()
    return path


def picture(value: int, width: int = 16, height: int = 12, kind: str = ".jpg") -> bytes:
    import cv2

    image = np.full((height, width, 3), value, np.uint8)
    return bytes(cv2.imencode(kind, image)[1])


METRICS = {
    "collision_any": "max", "collision_front": "max", "collision_lateral": "max",
    "collision_rear": "max", "offroad": "max", "img_is_black": "max",
    "dist_to_gt_trajectory": "max", "dist_traveled_m": "last", "progress": "last",
}  # fmt: skip


def metrics_table(
    rollouts: Sequence[tuple[str, str]], steps: int = 10, **changed: dict[tuple[int, int], float]
) -> pd.DataFrame:
    """Metrics per time step; `changed` has values by (number of the rollout, step)."""
    rows = []
    for number, (scene, name) in enumerate(rollouts):
        for at in range(steps):
            values = dict.fromkeys(METRICS, 0.0) | {
                "dist_traveled_m": 10.0 * at,
                "progress": at / steps,
            }
            for metric, points in changed.items():
                values[metric] = points.get((number, at), values[metric])
            rows += [
                {
                    "name": metric, "timestamps_us": at * 100_000, "values": value, "valid": True,
                    "time_aggregation": METRICS[metric], "info": None, "clipgt_id": scene,
                    "batch_id": "0", "rollout_id": name, "run_uuid": "1", "run_name": "LR-1",
                }
                for metric, value in values.items()
            ]  # fmt: skip
    return pd.DataFrame(rows)


def evaluated_run(run: Path) -> Path:
    """A run of 0.1.3 with its evaluation: one rollout left the road."""
    run_folder(run, old=True)
    for scene, _ in BOTH:
        rollout(run, log(9), old=True, scene=scene)
    (run / "eval/videos").mkdir(parents=True)
    video = run / f"eval/videos/{SCENE}_0_{ROLLOUT}_<built-in method index of VideoLayout>.mp4"
    video.touch()
    table = metrics_table(BOTH, offroad={(0, 5): 1.0})
    table.to_parquet(run / "eval/metrics_unprocessed.parquet")
    return run


def scored_run(run: Path) -> Path:
    """A run of 0.111: metrics beside each log, a table and a summary."""
    run_folder(run, old=False)
    for number, (scene, name) in enumerate(BOTH):
        path = rollout(run, log(9), old=False, scene=scene)
        changed = {"collision_any": {(0, 2): 1.0}, "collision_front": {(0, 2): 1.0}}
        table = metrics_table([(scene, name)], **(changed if number else {}))
        table.to_parquet(path.with_name("metrics.parquet"))
    (run / "aggregate").mkdir()
    row = {"progress": 0.55, "progress_std": None, "offroad": 0.0, "offroad_std": 0.1,
           "run_name": "LR-1", "run_uuid": "1", "n_rollouts": 2, "n_clips": 2.0}  # fmt: skip
    pd.DataFrame([row]).to_parquet(run / "aggregate/metrics_results.parquet")
    summary = {
        "schema_version": 1, "metrics_results": [], "score_criteria": {"progress": 0.8},
        "rollouts": [{"score": 1.0}, {"score": 0.0, "failure_reason": "offroad"}],
    }  # fmt: skip
    (run / "aggregate/results-summary.json").write_text(json.dumps(summary))
    return run
