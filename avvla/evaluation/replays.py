"""Drives as data for the page's player: what was on the road, seen from above.

Lengths are whole decimetres and angles hundredths of a radian, in the map frame, EVERY ticks apart;
a line of the map is x0, y0, x1, y1, ... The same drive gives the same data.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from avvla.actions.unicycle import DT_S
from avvla.config import Synthetic
from avvla.evaluation import replay
from avvla.evaluation.drive import Drive
from avvla.world.embedded import EGO_LENGTH_M, EGO_WIDTH_M, EmbeddedWorld
from avvla.world.traffic import REAR_OVERHANG_M

EVERY = 2
NEAR_M = 70.0
"""How much of the map around the ego's way is kept."""
POINT_M = 2.0
"""Least way between two points of a line of the map."""


def data(drive: Drive, caption: str, synthetic: Synthetic) -> dict[str, Any]:
    """The drive for the player; see the module's docstring."""
    centre = EGO_LENGTH_M / 2 - REAR_OVERHANG_M
    others: list[list[int]] = []
    world: EmbeddedWorld | None = None
    for tick, world in enumerate(replay.ticks(drive, synthetic)):
        if tick % EVERY == 0:
            others.append([number for box in world.boxes() for number in _box(box)])
    assert world is not None
    x, y, yaw, speed = drive.states[::EVERY].T
    ego = np.stack([x + centre * np.cos(yaw), y + centre * np.sin(yaw)], -1)
    commands = drive.commands[::EVERY]
    changes = [i for i in range(len(commands)) if i == 0 or commands[i] != commands[i - 1]]
    return {
        "caption": caption,
        "good": drive.success,
        "label": f"Road {drive.seed}",
        "step": EVERY * DT_S,
        "ego": _flat(np.column_stack([10 * ego, 100 * yaw, 10 * speed])),
        "size": [round(10 * EGO_LENGTH_M), round(10 * EGO_WIDTH_M)],
        "others": others,
        "sizes": [
            number for v in world.vehicles for number in (round(10 * v.length), round(10 * v.width))
        ],
        "commands": [[place, commands[place]] for place in changes],
        **_map(world, drive.states[:, :2]),
    }


def _box(box: Any) -> tuple[int, int, int]:
    """Centre and heading of a box whose place is that of its rear."""
    x = box.x + box.length / 2 * np.cos(box.yaw)
    y = box.y + box.length / 2 * np.sin(box.yaw)
    return round(10 * x), round(10 * y), round(100 * box.yaw)


def _map(world: EmbeddedWorld, way: NDArray[np.float64]) -> dict[str, list[list[int]]]:
    """Outlines of asphalt and islands, and the lines on them, near the way (T, 2)."""
    found: dict[str, list[list[int]]] = {"asphalt": [], "island": [], "line": []}
    for strip in world.scenario.road_map.strips:
        if strip.paint not in found:
            continue
        near = _near((strip.left + strip.right) / 2, way)
        if not near.any():
            continue
        first, last = np.flatnonzero(near)[[0, -1]]
        part = slice(first, last + 1) if last > first else slice(None)
        left, right = _thinned(strip.left[part]), _thinned(strip.right[part])
        shape = left if strip.paint == "line" else np.concatenate([left, right[::-1]])
        found[strip.paint].append(_flat(10 * shape))
    return found


def _near(line: NDArray[np.float64], way: NDArray[np.float64]) -> NDArray[np.bool_]:
    apart = np.linalg.norm(line[:, None] - way[None, ::10], axis=-1)
    return np.asarray(apart.min(1) < NEAR_M, np.bool_)


def _thinned(line: NDArray[np.float64]) -> NDArray[np.float64]:
    """The line with its ends, and between them points that are POINT_M apart."""
    way = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(line, axis=0), axis=1))])
    kept = np.unique(np.searchsorted(way, np.arange(0.0, way[-1], POINT_M)))
    thinned: NDArray[np.float64] = line[np.append(kept[kept < len(line) - 1], len(line) - 1)]
    return thinned


def _flat(rows: NDArray[np.float64]) -> list[int]:
    numbers: Sequence[int] = np.rint(rows).astype(int).ravel().tolist()
    return list(numbers)
