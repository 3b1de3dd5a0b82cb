"""Scenes whose scores follow from reasoning: a straight road along x with two lanes of 3.5 m."""

from __future__ import annotations

import math
from typing import Any

Case = dict[str, Any]


def straight(speed: float, steps: int = 40, interval_s: float = 0.1, y: float = 0.0) -> Case:
    """A plan along x, offset by `y` from its first pose on."""
    poses = [[speed * interval_s * (i + 1), y, 0.0] for i in range(steps)]
    return {"interval_s": interval_s, "poses": poses}


def rectangle(x0: float, x1: float, y0: float, y1: float) -> list[list[float]]:
    return [[x0, y0], [x1, y0], [x1, y1], [x0, y1]]


def agent(x: float, y: float, vx: float = 0.0, kind: str = "VEHICLE", token: str = "a") -> Case:
    """A box of 4 m x 1.8 m that moves along x at a constant speed for 5 s."""
    states = [[0.5 * i, x + vx * 0.5 * i, y, 0.0, vx, 0.0] for i in range(11)]
    return {"token": token, "type": kind, "length": 4.0, "width": 1.8, "states": states}


def scene(speed: float = 10.0, **changes: Any) -> Case:
    """The ego in the middle of the right lane A; B to its left goes the same way."""
    history = [[-0.5 * i, -speed * 0.5 * i, 0.0, 0.0, speed, 0.0, 0.0, 0.0] for i in (3, 2, 1, 0)]
    case: Case = {
        "id": "made",
        "ego": {"rear_axle": [0.0, 0.0, 0.0], "velocity": [speed, 0.0], "acceleration": [0.0, 0.0]},
        "ego_history": history,
        "map": {
            "polygons": [
                {
                    "token": "RB",
                    "layer": "ROADBLOCK",
                    "points": rectangle(-60.0, 160.0, -1.75, 5.25),
                },
                {"token": "A", "layer": "LANE", "points": rectangle(-60.0, 160.0, -1.75, 1.75)},
                {"token": "B", "layer": "LANE", "points": rectangle(-60.0, 160.0, 1.75, 5.25)},
            ],
            "route_lane_ids": ["A", "B"],
            "centerline": [[float(x), 0.0, 0.0] for x in range(-60, 161)],
        },
        "agents": [],
        "red_lights": [],
        "reference_trajectory": straight(speed),
        "human_trajectory": None,
        "prediction": straight(speed),
    }
    return case | changes


def moved(case: Case, x: float, y: float, yaw: float) -> Case:
    """The scene turned by `yaw` about the origin, then shifted; plans are in the ego's frame."""
    cos, sin = math.cos(yaw), math.sin(yaw)

    def point(p: list[float]) -> list[float]:
        turned = [x + cos * p[0] - sin * p[1], y + sin * p[0] + cos * p[1]]
        return turned + [a + yaw for a in p[2:3]]

    def row(r: list[float]) -> list[float]:
        """t, x, y, heading and what follows, with a velocity of the global frame last."""
        return [r[0], *point(r[1:4]), *r[4:]]

    def track(r: list[float]) -> list[float]:
        return [*row(r)[:4], cos * r[4] - sin * r[5], sin * r[4] + cos * r[5]]

    areas = case["map"]
    return case | {
        "ego": {**case["ego"], "rear_axle": point(case["ego"]["rear_axle"])},
        "ego_history": [row(r) for r in case["ego_history"]],
        "map": {
            **areas,
            "polygons": [
                {**p, "points": [point(q) for q in p["points"]]} for p in areas["polygons"]
            ],
            "centerline": [point(p) for p in areas["centerline"]],
        },
        "agents": [{**a, "states": [track(r) for r in a["states"]]} for a in case["agents"]],
        "red_lights": [
            {**light, "polygon": [point(q) for q in light["polygon"]]}
            for light in case["red_lights"]
        ],
    }
