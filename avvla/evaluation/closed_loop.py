"""Closed-loop drives in the embedded world.

Every family is driven on roads that no recording uses, by the agent's own loop on a virtual clock
(`avvla.agent.virtual`). A family's drives run in step, so that the policy plans for all of them in
one batch; a plan's first actions are driven until the next plan.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from avvla.actions.unicycle import DT_S
from avvla.agent import virtual
from avvla.agent.loop import Loop, Settings
from avvla.agent.place import EmbeddedPlace
from avvla.config import Build, Evaluate, Synthetic
from avvla.evaluation import plan_scores
from avvla.evaluation.drive import SCORES, Drive, road_key
from avvla.evaluation.judges import HALF_LANE_M, judged
from avvla.evaluation.plan_scores import Moment
from avvla.physical_ai.camera import Crop
from avvla.policy.interface import Policy
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
    places = []
    for seed in seeds:
        world = EmbeddedWorld(camera, synthetic.randomisation)
        world.reset(draw_scenario(family, *road_key(seed)), *road_key(seed))
        places.append(EmbeddedPlace(world, crop, build.image_size))
    replan_s = evaluate.replan_ticks * DT_S
    every = round(evaluate.pdm_every_s / replan_s) if scored else 0
    traces = [Trace(place.world, every, replan_s) for place in places]
    # The policy alone is judged: nothing is between its plans and the vehicle.
    settings = Settings(replan_s=replan_s, override=False)
    duration = evaluate.duration_s if family.startswith("lane_keeping") else MANOEUVRE_S
    virtual.run(
        places,
        [Loop(settings) for _ in seeds],
        policy,
        round(duration / DT_S),
        note=lambda index, tick: traces[index].add(),
        noted=lambda index, plan: traces[index].planned(plan.action[0]),
    )
    return [
        judged(trace.drive(family, seed), trace.world.scenario)
        for trace, seed in zip(traces, seeds, strict=True)
    ]


class Trace:
    """What is noted of a drive while it lasts.

    Args:
        world: where it is.
        every: plans of which the first is scored; 0: none.
        gap_s: between two plans.
    """

    def __init__(self, world: EmbeddedWorld, every: int = 0, gap_s: float = 0.0) -> None:
        self.world = world
        self._every, self._gap_s = every, gap_s
        self._states: list[tuple[float, ...]] = []
        self._road: list[tuple[float, ...]] = []
        self._commands: list[str] = []
        self._plans = 0
        self._due: Moment | None = None
        self._scores: list[dict[str, float]] = []

    def planned(self, action: NDArray[np.float64]) -> None:
        """Score every so manyth plan, with the help of the one after it."""
        world = self.world
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

    def add(self) -> None:
        """Note where the world is."""
        world = self.world
        self._states.append((world.x, world.y, world.yaw, world.speed))
        self._road.append((world.s, world.lateral, world.target_lane * LANE_M))
        self._commands.append(world.command)

    def drive(self, family: str, seed: int) -> Drive:
        """The drive, over."""
        self.add()
        world = self.world
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
