"""PDMS (NAVSIM v1.1) and EPDMS (v2.2) of plans in a scene.

    PDMS  = NC DAC (5 EP + 5 TTC + 2 C) / 12
    EPDMS = NC DAC DDC TLC (5 EP + 5 TTC + 2 LK + 2 HC + 2 EC) / 16

Sub-scores are taken on the states of a vehicle that tracks the plan. Progress is relative to that
of the scene's reference plan. Where the recorded human scores 0, the human filter of v2.2 gives 1.
Names and stale columns are the devkit's: `pdm_score` has no EC, is over 14, and the filter does not
change it. Source: autonomousvision/navsim, `pdm_scorer.py`, at the commits of docs/evaluation.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from avvla.evaluation.pdm import comfort
from avvla.evaluation.pdm.case import Scene, Trajectory
from avvla.evaluation.pdm.collision import at_fault, time_to_collision
from avvla.evaluation.pdm.comfort import Variant
from avvla.evaluation.pdm.observation import observe, red_at
from avvla.evaluation.pdm.road import Areas, Road
from avvla.evaluation.pdm.tracker import interpolate, track
from avvla.evaluation.pdm.vehicle import DT_S, STEPS, centre, corners, polygons

Array = NDArray[np.float64]

NC = "no_at_fault_collisions"
DAC = "drivable_area_compliance"
DDC = "driving_direction_compliance"
TLC = "traffic_light_compliance"
EP = "ego_progress"
TTC = "time_to_collision_within_bound"
LK = "lane_keeping"
HC = "history_comfort"
C = "comfort"
PRODUCT = "multiplicative_metrics_prod"

FILTERED = (NC, DAC, DDC, TLC, TTC, LK)
"""Sub-scores that the human filter can raise; progress and comfort of the human are 1."""
_ONCOMING_M = (2.0, 6.0)
_ONCOMING_WINDOW = 11
_LEAST_PROGRESS_M = 5.0
_OFF_CENTRE_M, _OFF_CENTRE_S = 0.5, 2.0


@dataclass(frozen=True)
class Scored:
    """P plans in one scene."""

    plan: Array
    """(P, 41, 3) interpolated, global."""
    states: Array
    """(P, 41, 11) of the vehicle that tracks them."""
    scores: list[dict[str, float]]
    filtered: list[dict[str, float]] | None
    """With the human filter, where the scene has a human's plan (v2.2)."""


class Scorer:
    """A scene, prepared to score many plans in it.

    Args:
        scene: what is there.
        variant: which score.
        corrected: with the devkit's quirks mended, see docs/evaluation.md.

    Raises:
        UserError: the map cannot be used.
    """

    def __init__(self, scene: Scene, variant: Variant, *, corrected: bool = False) -> None:
        self._scene, self._variant, self._corrected = scene, variant, corrected
        self._two = variant == "epdms_v2.2"
        self._road = Road(scene.map)
        self._start = scene.ego.state()
        seconds = 4.0 if self._two else 5.0
        times = round(seconds / DT_S) + 1
        pose = self._start[:3]
        own = shapely.Polygon(corners(centre(pose), pose[2])) if self._two else None
        self._seen = observe(scene.agents, times, own)
        self._lights = [
            (shapely.Polygon(light.polygon), red_at(light, STEPS + 1))
            for light in scene.red_lights
            if light.lane_connector_id in self._road.route
        ]
        rows = np.array(scene.ego_history, float)
        self._history = comfort.history(rows, corrected=corrected) if len(rows) else None
        self._reference = self._drive(scene.reference_trajectory)[1]
        self._reference_progress = self._progress(self._reference) * self._product(
            self._rules(self._reference)
        )
        self._human = None
        if self._two and scene.human_trajectory is not None:
            self._human = self._rules(self._drive(scene.human_trajectory)[1])

    def score(self, plan: Trajectory | Array, interval_s: float | None = None) -> Scored:
        """Score a plan, or P of them (P, n, 3) with `interval_s` between poses."""
        driven, states = self._drive(plan, interval_s)
        found = self._rules(states)
        product = self._product(found)
        found[EP] = self._relative(self._progress(states), product)
        if self._two:
            found[HC] = self._comfort(states)
        else:
            found[C] = comfort.comfortable(states, self._variant, corrected=self._corrected)
        rows = [
            {name: float(values[i]) for name, values in found.items()} for i in range(len(states))
        ]
        scores = [self._total(row, row) for row in rows]
        filtered = None
        if self._human is not None:
            forgiven = [name for name in FILTERED if self._human[name][0] == 0]
            raised = [{**row, **dict.fromkeys(forgiven, 1.0)} for row in rows]
            filtered = [self._total(new, old) for new, old in zip(raised, rows, strict=True)]
        return Scored(driven, states, scores, filtered)

    def _drive(
        self, plan: Trajectory | Array, interval_s: float | None = None
    ) -> tuple[Array, Array]:
        if isinstance(plan, Trajectory):
            poses, interval_s = plan.array()[None], plan.interval_s
        else:
            poses = plan
        if interval_s is None:
            raise ValueError("plans given as an array need the interval of their poses")
        path = interpolate(self._start[:3], poses, interval_s)
        return path, track(self._start, path, corrected=self._corrected)

    def _rules(self, states: Array) -> dict[str, Array]:
        """All sub-scores but progress and comfort."""
        areas = self._road.areas(states)
        found = {
            NC: at_fault(states, areas, self._seen)[0],
            DAC: (~areas.non_drivable.any(1)).astype(float),
            DDC: self._direction(states, areas),
            TTC: time_to_collision(states, areas, self._seen, 32 if self._two else 41)[0],
        }
        if self._two:
            found[TLC] = self._lights_kept(states)
            found[LK] = self._lane_kept(states, areas)
        return found

    def _product(self, found: dict[str, Array]) -> Array:
        names = (NC, DAC, DDC, TLC) if self._two else (NC, DAC)
        product: Array = np.prod([found[name] for name in names], 0)
        return product

    def _direction(self, states: Array, areas: Areas) -> Array:
        """1, 0.5 or 0 by the way against the traffic within a second."""
        middle = centre(states)
        step = np.zeros(states.shape[:2])
        step[:, 1:] = np.linalg.norm(np.diff(middle, axis=1), axis=-1)
        step[~areas.oncoming] = 0.0
        if self._two:
            step[areas.centre_in_intersection] = 0.0
        total = np.cumsum(step, 1)
        window = total.copy()
        window[:, _ONCOMING_WINDOW:] -= total[:, :-_ONCOMING_WINDOW]
        worst = window.max(1)
        return np.select([worst < _ONCOMING_M[0], worst < _ONCOMING_M[1]], [1.0, 0.5], 0.0)

    def _lights_kept(self, states: Array) -> Array:
        kept = np.ones(len(states))
        if self._lights:
            box = polygons(corners(centre(states), states[..., 2]))
            for area, red in self._lights:
                kept[shapely.intersects(box[:, red], area).any(1)] = 0.0
        return kept

    def _lane_kept(self, states: Array, areas: Areas) -> Array:
        """0 where the centre is off the centreline for two seconds, intersections left out."""
        apart = shapely.distance(shapely.points(centre(states)), self._road.centerline)
        kept = np.ones(len(states))
        most = int(np.ceil(_OFF_CENTRE_S / DT_S))
        for p in range(len(states)):
            count = 0
            for off, skipped in zip(
                apart[p] > _OFF_CENTRE_M, areas.centre_in_intersection[p], strict=True
            ):
                if not skipped:
                    count = count + 1 if off else 0
                if count >= most:
                    kept[p] = 0.0
        return kept

    def _progress(self, states: Array) -> Array:
        """(P,) way along the centreline [m], not below 0."""
        ends = shapely.points(centre(states[:, [0, -1]]))
        along = shapely.line_locate_point(self._road.centerline, ends)
        progress: Array = np.maximum(0.0, along[:, 1] - along[:, 0])
        return progress

    def _relative(self, progress: Array, product: Array) -> Array:
        most = np.maximum(self._reference_progress, progress * product)
        known = most > _LEAST_PROGRESS_M
        divisor = np.where(known, most, 1.0)
        if self._two:
            return np.where(known, np.clip(progress / divisor, 0.0, 1.0), 1.0)
        return np.where(known, progress * product / divisor, (product > 0).astype(float))

    def _comfort(self, states: Array) -> Array:
        if self._history is None:
            return np.ones(len(states))
        past = np.broadcast_to(self._history, (len(states), *self._history.shape))
        together = np.concatenate([past, states], 1)
        return comfort.comfortable(together, self._variant, corrected=self._corrected)

    def _total(self, row: dict[str, float], unfiltered: dict[str, float]) -> dict[str, float]:
        """A row with its totals; `pdm_score` is that of the unfiltered row."""
        if not self._two:
            product = row[NC] * row[DAC]
            total = product * (5 * row[EP] + 5 * row[TTC] + 2 * row[C]) / 12
            return {**_ordered(row), "score": total}
        product, plain = (_multiplied(given) for given in (row, unfiltered))
        return {
            **_ordered(row),
            PRODUCT: product,
            "pdm_score": plain * _weighted(unfiltered) / 14,
            "epdms_if_ec_0": product * _weighted(row) / 16,
            "epdms_if_ec_1": product * (_weighted(row) + 2) / 16,
        }


def _multiplied(row: dict[str, float]) -> float:
    return row[NC] * row[DAC] * row[DDC] * row[TLC]


def _weighted(row: dict[str, float]) -> float:
    return 5 * row[EP] + 5 * row[TTC] + 2 * row[LK] + 2 * row[HC]


def _ordered(row: dict[str, float]) -> dict[str, Any]:
    return {name: row[name] for name in (NC, DAC, DDC, TLC, EP, TTC, LK, HC, C) if name in row}


def names(variant: Variant) -> tuple[str, ...]:
    """The scores of a plan, in their order."""
    if variant == "pdms_v1.1":
        return (NC, DAC, EP, TTC, C, DDC, "score")
    totals = (PRODUCT, "pdm_score", "epdms_if_ec_0", "epdms_if_ec_1")
    return (NC, DAC, DDC, TLC, EP, TTC, LK, HC, *totals)
