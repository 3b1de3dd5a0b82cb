"""Closed-loop drives in the embedded world.

Every family is driven on roads that no recording uses. A family's drives run in step, so that the
policy plans for all of them in one batch; a plan's first actions are driven until the next plan.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from avvla.actions.unicycle import DT_S
from avvla.config import Build, Evaluate, Synthetic
from avvla.evaluation import plan_scores
from avvla.evaluation.drive import SCORES, Drive, road_key
from avvla.evaluation.judges import HALF_LANE_M, judged
from avvla.evaluation.plan_scores import Moment
from avvla.physical_ai.camera import Crop, square_crop
from avvla.policy.interface import Observation, Policy
from avvla.world.embedded import EmbeddedWorld
from avvla.world.recording import synthetic_camera
from avvla.world.road_map import LANE_M
from avvla.world.scenario import draw_scenario

MANOEUVRE_S = 18.0
LONGEST_GAP_S = 0.5
"""Between two plans for extended comfort to compare them."""


def drive_family(
    family: str,
    seeds: list[int],
    policy: Policy,
    evaluate: Evaluate,
    build: Build,
    synthetic: Synthetic,
    *,
    scored: bool = False,
) -> list[Drive]:
    """Drive one family on the roads of `seeds`, all in step.

    Args:
        family: of `avvla.evaluation.judges.JUDGED`.
        seeds: one a road.
        policy: who drives.
        evaluate: how long, and how often a plan is made and scored.
        build: what the policy sees of the camera.
        synthetic: the camera and the randomisation.
        scored: whether plans get NAVSIM's scores every `evaluate.pdm_every_s`.
    """
    camera = synthetic_camera(synthetic)
    crop = Crop.of(build)
    worlds = []
    for seed in seeds:
        world = EmbeddedWorld(camera, synthetic.randomisation)
        world.reset(draw_scenario(family, *road_key(seed)), *road_key(seed))
        worlds.append(world)
    every = round(evaluate.pdm_every_s / DT_S / evaluate.replan_ticks) if scored else 0
    traces = [_Trace(every, evaluate.replan_ticks * DT_S) for _ in seeds]
    duration = evaluate.duration_s if family.startswith("lane_keeping") else MANOEUVRE_S
    plans: NDArray[np.float64] = np.zeros((len(seeds), 1, 2))
    for tick in range(round(duration / DT_S)):
        active = [i for i, world in enumerate(worlds) if not _over(world)]
        if not active:
            break
        phase = tick % evaluate.replan_ticks
        if phase == 0:
            views = [worlds[i].observe() for i in active]
            observation = Observation(
                image=np.stack(
                    [square_crop(view.frame, camera, crop, build.image_size) for view in views]
                ),
                speed_mps=np.array([view.speed_mps for view in views]),
                heading_change_rad=np.array([view.heading_change_rad for view in views]),
                command=tuple(view.command for view in views),
            )
            action = policy.plan(observation).action
            plans = np.zeros((len(seeds), *action.shape[1:]))
            plans[active] = action
            for i in active:
                traces[i].planned(worlds[i], plans[i])
        for i in active:
            traces[i].add(worlds[i])
            worlds[i].step(float(plans[i, phase, 0]), float(plans[i, phase, 1]))
    return [
        judged(trace.drive(family, seed, world), world.scenario)
        for trace, seed, world in zip(traces, seeds, worlds, strict=True)
    ]


def _over(world: EmbeddedWorld) -> bool:
    return world.collided or world.off_road or world.finished


class _Trace:
    """What is noted of a drive while it lasts.

    Args:
        every: plans of which the first is scored; 0: none.
        gap_s: between two plans.
    """

    def __init__(self, every: int, gap_s: float) -> None:
        self._every, self._gap_s = every, gap_s
        self._states: list[tuple[float, ...]] = []
        self._road: list[tuple[float, ...]] = []
        self._commands: list[str] = []
        self._plans = 0
        self._due: Moment | None = None
        self._scores: list[dict[str, float]] = []

    def planned(self, world: EmbeddedWorld, action: NDArray[np.float64]) -> None:
        """Score every so manyth plan, with the help of the one after it."""
        if self._every and plan_scores.on_the_map(world):
            first = self._plans % self._every == 0
            if first or self._due is not None:
                now = plan_scores.moment(world, action, self._states)
                self._score(now)
                self._due = now if first else None
        self._plans += 1

    def _score(self, after: Moment | None) -> None:
        if self._due is not None:
            near = after if self._gap_s <= LONGEST_GAP_S else None
            self._scores.append(plan_scores.score(self._due, near, self._gap_s))
        self._due = None

    def add(self, world: EmbeddedWorld) -> None:
        self._states.append((world.x, world.y, world.yaw, world.speed))
        self._road.append((world.s, world.lateral, world.target_lane * LANE_M))
        self._commands.append(world.command)

    def drive(self, family: str, seed: int, world: EmbeddedWorld) -> Drive:
        self.add(world)
        self._score(None)
        ego = world.as_vehicle()
        ahead = [
            vehicle.rear - ego.front
            for vehicle in world.vehicles
            if abs(vehicle.offset - world.lateral) < HALF_LANE_M and vehicle.s > world.s
        ]
        scores = self._scores
        return Drive(
            family=family,
            seed=seed,
            states=np.array(self._states),
            road=np.array(self._road),
            commands=tuple(self._commands),
            collided=world.collided,
            off_road=world.off_road,
            finished=world.finished,
            gap_m=min(ahead, default=math.inf),
            scores={
                name: float(np.mean([row[name] for row in scores])) for name in SCORES if scores
            },
        )
