"""The world of a drive, moved along it again: the other vehicles are where they were."""

from __future__ import annotations

from collections.abc import Iterator

from avvla.actions.unicycle import DT_S
from avvla.config import Synthetic
from avvla.evaluation.drive import Drive, road_key
from avvla.world.embedded import EGO_LENGTH_M, EGO_WIDTH_M, EmbeddedWorld
from avvla.world.recording import synthetic_camera
from avvla.world.road_map import LANE_M
from avvla.world.scenario import CRUISE_MPS, draw_scenario
from avvla.world.traffic import Vehicle, advance


def ticks(drive: Drive, synthetic: Synthetic) -> Iterator[EmbeddedWorld]:
    """The drive's world at each of its states, its other vehicles moved on; the ego stays."""
    key = road_key(drive.seed)
    world = EmbeddedWorld(synthetic_camera(synthetic))
    world.reset(draw_scenario(drive.family, *key), *key)
    lanes = world.scenario.route.lanes
    yield world
    for tick, (state, road) in enumerate(zip(drive.states[:-1], drive.road[:-1], strict=True)):
        ego = Vehicle(
            s=float(road[0]),
            lane=round(float(road[2]) / LANE_M),
            offset=float(road[1]),
            speed=float(state[3]),
            wished_speed=CRUISE_MPS,
            length=EGO_LENGTH_M,
            width=EGO_WIDTH_M,
        )
        world.vehicles = advance(world.vehicles, ego, lanes, tick * DT_S, DT_S)
        yield world


def last(drive: Drive, synthetic: Synthetic) -> EmbeddedWorld:
    """The drive's world with the traffic as it is at the drive's end."""
    *_, world = ticks(drive, synthetic)
    return world
