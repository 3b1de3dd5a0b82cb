"""NAVSIM's scores of plans made in the embedded world, from its own map and traffic.

A scene begins where a plan is made. Drivable is the asphalt, lanes are those of the route, an
intersection is the area around a junction, and the centreline is that of the lane to be in. The
other vehicles do what they would if the plan were driven; the reference plan is the expert's from
the same state. Its scores are those of `avvla.evaluation.pdm.scores` in both variants, as published
and corrected; extended comfort compares a plan with the next one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from avvla.actions.unicycle import DT_S, HORIZON
from avvla.evaluation.pdm import comfort
from avvla.evaluation.pdm.case import Scene, checked
from avvla.evaluation.pdm.scores import Scorer
from avvla.evaluation.pdm.tracker import interpolate, track
from avvla.evaluation.pdm.vehicle import STEPS
from avvla.world import expert
from avvla.world.embedded import HISTORY_S, EmbeddedWorld
from avvla.world.road_map import LANE_M
from avvla.world.scenario import CRUISE_MPS

Array = NDArray[np.float64]

BEHIND_M, AHEAD_M = 30.0, 120.0
"""Part of the route that a scene has."""
AGENT_S, AGENT_STEP = 5.0, 5
"""Seconds of the other vehicles' way, and the ticks between two of its states."""


@dataclass(frozen=True)
class Moment:
    """A plan where it was made."""

    scene: Scene
    states: dict[bool, Array]
    """(41, 11) states of the vehicle that tracks the plan; whether corrected."""


def moment(world: EmbeddedWorld, action: Array, past: Sequence[Sequence[float]]) -> Moment:
    """A plan in the world's present state, ready to be scored.

    Args:
        world: not changed.
        action: (64, 2) acceleration [m/s^2], curvature [1/m].
        past: states x, y, yaw, v of the ticks before, the newest last.
    """
    driven, others = _driven(world, action)
    reference, _ = _driven(world, None)
    rows = np.array([*past, (world.x, world.y, world.yaw, world.speed)])
    before = rows[-round(HISTORY_S / DT_S) - 1 :]
    scene = checked(
        Scene,
        {
            "id": world.scenario.family,
            "ego": _ego(world, before),
            "ego_history": _history(before),
            "map": _map(world),
            "agents": others,
            "reference_trajectory": _plan(world, reference),
            "prediction": _plan(world, driven),
        },
    )
    start, poses = scene.ego.state(), scene.prediction.array()[None]
    path = interpolate(start[:3], poses, DT_S)
    states = {mended: track(start, path, corrected=mended)[0] for mended in (False, True)}
    return Moment(scene, states)


def on_the_map(world: EmbeddedWorld) -> bool:
    """Whether the map goes on for as long as a plan is scored; off it nothing is drivable."""
    way = max(world.speed, CRUISE_MPS) * AGENT_S
    return world.s + way < world.scenario.route.curve.length


def score(now: Moment, after: Moment | None, gap_s: float) -> dict[str, float]:
    """PDMS and EPDMS of a plan, each as published and corrected.

    Args:
        now: the plan.
        after: the next one, `gap_s` later; without it extended comfort counts as kept.
        gap_s: between the two.
    """
    scores = {}
    for mended, ending in ((False, ""), (True, "_corrected")):
        first = Scorer(now.scene, "pdms_v1.1", corrected=mended).score(now.scene.prediction)
        scores[f"pdms{ending}"] = first.scores[0]["score"]
        second = Scorer(now.scene, "epdms_v2.2", corrected=mended).score(now.scene.prediction)
        kept = True
        if after is not None:
            kept = comfort.extended(now.states[mended], after.states[mended], gap_s)[1]
        scores[f"epdms{ending}"] = second.scores[0][f"epdms_if_ec_{int(kept)}"]
    return scores


def _driven(world: EmbeddedWorld, action: Array | None) -> tuple[Array, list[dict[str, Any]]]:
    """(n, 3) poses of the ego, on a plan or as the expert drives, and the others' way."""
    ahead = world.fork()
    poses: list[tuple[float, float, float]] = []
    seen: list[list[tuple[float, ...]]] = [[] for _ in ahead.vehicles]
    for tick in range(round(AGENT_S / DT_S) + 1):
        if tick % AGENT_STEP == 0:
            for track, box, vehicle in zip(seen, ahead.boxes(), ahead.vehicles, strict=True):
                x = box.x + box.length / 2 * np.cos(box.yaw)
                y = box.y + box.length / 2 * np.sin(box.yaw)
                vx, vy = vehicle.speed * np.cos(box.yaw), vehicle.speed * np.sin(box.yaw)
                track.append((tick * DT_S, x, y, box.yaw, vx, vy))
        given = expert.act(ahead) if action is None else action[min(tick, HORIZON - 1)]
        ahead.step(float(given[0]), float(given[1]))
        poses.append((ahead.x, ahead.y, ahead.yaw))
    others = [
        {
            "token": f"vehicle_{index}",
            "type": "VEHICLE",
            "length": vehicle.length,
            "width": vehicle.width,
            "states": track,
        }
        for index, (vehicle, track) in enumerate(zip(world.vehicles, seen, strict=True))
    ]
    return np.array(poses), others


def _plan(world: EmbeddedWorld, poses: Array) -> dict[str, Any]:
    """Global poses as a plan in the ego's frame."""
    cos, sin = np.cos(world.yaw), np.sin(world.yaw)
    x, y = (poses[:STEPS, :2] - (world.x, world.y)).T
    local = np.stack([cos * x + sin * y, cos * y - sin * x, poses[:STEPS, 2] - world.yaw], -1)
    return {"interval_s": DT_S, "poses": local.tolist()}


def _ego(world: EmbeddedWorld, before: Array) -> dict[str, Any]:
    speed, turned = np.diff(before[-2:, 3:4], axis=0), np.diff(before[-2:, 2])
    moved = len(before) > 1
    return {
        "rear_axle": (world.x, world.y, world.yaw),
        "velocity": (world.speed, 0.0),
        "acceleration": (float(speed[0, 0]) / DT_S if moved else 0.0, 0.0),
        "angular_velocity": float(turned[0]) / DT_S if moved else 0.0,
    }


def _history(before: Array) -> list[list[float]]:
    """Time [s], x, y, heading, vx, vy, ax, ay of the ticks before; none without two of them."""
    if len(before) < 3:
        return []
    past, acceleration = before[:-1], np.diff(before[:, 3]) / DT_S
    time_s, zero = (np.arange(len(past)) - len(past)) * DT_S, np.zeros(len(past))
    columns = (time_s, *past[:, :3].T, past[:, 3], zero, acceleration, zero)
    rows: list[list[float]] = np.stack(columns, -1).tolist()
    return rows


def _map(world: EmbeddedWorld) -> dict[str, Any]:
    route, curve = world.scenario.route, world.scenario.route.curve
    # Beyond its ends a curve goes on straight.
    s = np.arange(world.s - BEHIND_M, world.s + AHEAD_M, 1.0)
    poses = np.array([curve.pose(float(value), world.target_lane * LANE_M) for value in s])

    def side(offset: float) -> Array:
        away = offset - world.target_lane * LANE_M
        normal = np.stack([-np.sin(poses[:, 2]), np.cos(poses[:, 2])], -1)
        return np.asarray(poses[:, :2] + away * normal)

    lanes = [f"lane_{lane}" for lane in range(route.lanes)]
    polygons = [
        _polygon(
            name,
            "LANE",
            np.concatenate([side((lane + 0.5) * LANE_M), side((lane - 0.5) * LANE_M)[::-1]]),
        )
        for lane, name in enumerate(lanes)
    ]
    for index, strip in enumerate(world.scenario.road_map.strips):
        if strip.paint != "asphalt":
            continue
        for piece, outline in enumerate(strip.outlines()):
            if np.linalg.norm(outline - (world.x, world.y), axis=1).min() < AHEAD_M:
                polygons.append(_polygon(f"road_{index}_{piece}", "ROADBLOCK", outline))
    if route.junction is not None:
        through = np.arange(route.junction[0], route.junction[1] + 1.0, 1.0)
        points = np.array([curve.pose(float(value))[:2] for value in through])
        area = shapely.MultiPoint(points).convex_hull.buffer(LANE_M)
        polygons.append(_polygon("junction", "INTERSECTION", np.array(area.exterior.coords)[:-1]))
    return {
        "polygons": [polygon for polygon in polygons if polygon is not None],
        "route_lane_ids": lanes,
        "centerline": poses.tolist(),
    }


def _polygon(token: str, layer: str, outline: Array) -> dict[str, Any] | None:
    """A polygon of the map; None of an outline without area, the corner of a rounded edge."""
    shape = shapely.Polygon(outline)
    if not shape.is_valid or shape.area == 0:
        shape = shape.buffer(0)
        if shape.is_empty or shape.geom_type != "Polygon":
            return None
        outline = np.array(shape.exterior.coords)[:-1]
    return {"token": token, "layer": layer, "points": outline.tolist()}
