"""Closed-loop drives in the embedded world, judged by geometry.

Every family is driven on roads that no recording uses. A family's drives run in step, so that the
policy plans for all of them in one batch; a plan's first actions are driven until the next plan.
The judgement of a family looks at positions and speeds only, never at texts.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from avvla.actions.unicycle import DT_S
from avvla.config import Build, Evaluate, Synthetic
from avvla.physical_ai.camera import Crop, square_crop
from avvla.policy.interface import Observation, Policy
from avvla.world.embedded import EmbeddedWorld
from avvla.world.recording import synthetic_camera
from avvla.world.road_map import LANE_M
from avvla.world.scenario import JUDGED_KEY, SLOW_MPS, draw_scenario

HALF_LANE_M = LANE_M / 2
MANOEUVRE_S = 18.0
STANDING_MPS = 0.3


@dataclass(frozen=True)
class Drive:
    """One drive: states (T, 4) x, y, yaw, v; road (T, 3) s, lateral, target offset."""

    family: str
    seed: int
    states: NDArray[np.float64]
    road: NDArray[np.float64]
    commands: tuple[str, ...]
    collided: bool
    off_road: bool
    finished: bool
    gap_m: float
    success: bool

    @property
    def offset(self) -> NDArray[np.float64]:
        """(T,) distance from the centre of the lane to be in, left positive [m]."""
        return self.road[:, 1] - self.road[:, 2]


def road_key(seed: int) -> tuple[int, int]:
    """The key of the judged scenario `seed` of a family."""
    return JUDGED_KEY, seed


def drive_family(
    family: str,
    seeds: list[int],
    policy: Policy,
    evaluate: Evaluate,
    build: Build,
    synthetic: Synthetic,
) -> list[Drive]:
    """Drive one family on the roads of `seeds`, all in step."""
    camera = synthetic_camera(synthetic)
    crop = Crop.of(build)
    worlds, traces = [], [_Trace() for _ in seeds]
    for seed in seeds:
        world = EmbeddedWorld(camera, synthetic.randomisation)
        world.reset(draw_scenario(family, *road_key(seed)), *road_key(seed))
        worlds.append(world)
    duration = evaluate.duration_s if family.startswith("lane_keeping") else MANOEUVRE_S
    plans = np.zeros((len(seeds), 1, 2))
    for tick in range(round(duration / DT_S)):
        active = [i for i, world in enumerate(worlds) if not _over(world)]
        if not active:
            break
        phase = tick % evaluate.replan_ticks
        if phase == 0:
            plans = np.zeros((len(seeds), evaluate.replan_ticks, 2))
            views = [worlds[i].observe() for i in active]
            observation = Observation(
                image=np.stack(
                    [square_crop(view.frame, camera, crop, build.image_size) for view in views]
                ),
                speed_mps=np.array([view.speed_mps for view in views]),
                heading_change_rad=np.array([view.heading_change_rad for view in views]),
                command=tuple(view.command for view in views),
            )
            plans[active] = policy.plan(observation).action[:, : evaluate.replan_ticks]
        for i in active:
            traces[i].add(worlds[i])
            worlds[i].step(float(plans[i, phase, 0]), float(plans[i, phase, 1]))
    return [
        trace.drive(family, seed, world)
        for trace, seed, world in zip(traces, seeds, worlds, strict=True)
    ]


def _over(world: EmbeddedWorld) -> bool:
    return world.collided or world.off_road or world.finished


class _Trace:
    """What is noted of a drive while it lasts."""

    def __init__(self) -> None:
        self._states: list[tuple[float, ...]] = []
        self._road: list[tuple[float, ...]] = []
        self._commands: list[str] = []

    def add(self, world: EmbeddedWorld) -> None:
        self._states.append((world.x, world.y, world.yaw, world.speed))
        self._road.append((world.s, world.lateral, world.target_lane * LANE_M))
        self._commands.append(world.command)

    def drive(self, family: str, seed: int, world: EmbeddedWorld) -> Drive:
        self.add(world)
        ego = world.as_vehicle()
        ahead = [
            vehicle.rear - ego.front
            for vehicle in world.vehicles
            if abs(vehicle.offset - world.lateral) < HALF_LANE_M and vehicle.s > world.s
        ]
        drive = Drive(
            family,
            seed,
            np.array(self._states),
            np.array(self._road),
            tuple(self._commands),
            world.collided,
            world.off_road,
            world.finished,
            min(ahead, default=math.inf),
            False,
        )
        safe = not drive.collided and not drive.off_road
        success = safe and JUDGES[family](drive, world)
        return Drive(**{**drive.__dict__, "success": success})


def _keeps_lane(drive: Drive, world: EmbeddedWorld) -> bool:
    """The rear axle's centre stays in the lane, and the car moves on."""
    return bool(np.abs(drive.offset).max() < HALF_LANE_M and drive.states[-1, 3] > 3.0)


def _stops(drive: Drive, world: EmbeddedWorld) -> bool:
    return bool(np.abs(drive.offset).max() < HALF_LANE_M and drive.states[-1, 3] < STANDING_MPS)


def _slows(drive: Drive, world: EmbeddedWorld) -> bool:
    """Within 1.5 m/s of the slow speed over the last three seconds, in the lane."""
    last = drive.states[-round(3.0 / DT_S) :, 3]
    near = np.abs(last - SLOW_MPS).max() < 1.5
    return bool(np.abs(drive.offset).max() < HALF_LANE_M and near)


def _changes_lane(drive: Drive, world: EmbeddedWorld) -> bool:
    """Within 0.7 m of the new lane's centre over the last two seconds."""
    return bool(np.abs(drive.offset[-round(2.0 / DT_S) :]).max() < 0.7)


def _turns(drive: Drive, world: EmbeddedWorld) -> bool:
    """Through the junction into the commanded exit, within the lane's half width after it."""
    assert world.scenario.route.junction is not None
    end = world.scenario.route.junction[1]
    through = drive.road[:, 0] > end + 5.0
    return bool(through.any() and np.abs(drive.offset[through]).max() < HALF_LANE_M)


def _minds_the_lead(drive: Drive, world: EmbeddedWorld) -> bool:
    """No collision, in the lane, and not far behind for no reason."""
    return bool(np.abs(drive.offset).max() < HALF_LANE_M and drive.gap_m < 30.0)


JUDGES: dict[str, Callable[[Drive, EmbeddedWorld], bool]] = {
    "lane_keeping": _keeps_lane,
    "lane_keeping_tight": _keeps_lane,
    "stop": _stops,
    "slow_down": _slows,
    "lane_change": _changes_lane,
    "turn": _turns,
    "straight": _turns,
    "lead": _minds_the_lead,
    "roundabout": _turns,
}
JUDGED = tuple(JUDGES)
"""Families in the order of the report."""


def summarise(drives: list[Drive]) -> dict[str, float | int]:
    """Rates over the drives of one family, the mean lane offset [m] and speed [m/s]."""
    return {
        "n": len(drives),
        "success": float(np.mean([drive.success for drive in drives])),
        "collision": float(np.mean([drive.collided for drive in drives])),
        "off_road": float(np.mean([drive.off_road for drive in drives])),
        "mean_offset_m": float(np.mean([np.abs(drive.offset).mean() for drive in drives])),
        "mean_speed_mps": float(np.mean([drive.states[:, 3].mean() for drive in drives])),
    }
