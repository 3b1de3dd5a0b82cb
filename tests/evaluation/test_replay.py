import numpy as np
import pytest

from avvla.config import Synthetic
from avvla.evaluation import replay
from avvla.evaluation.drive import Drive, road_key
from avvla.world.embedded import EmbeddedWorld
from avvla.world.recording import synthetic_camera
from avvla.world.road_map import LANE_M
from avvla.world.scenario import draw_scenario

SYNTHETIC = Synthetic()
CAMERA = synthetic_camera(SYNTHETIC)


@pytest.mark.parametrize("family", ["lane_keeping", "cut_in", "lead_braking"])
def test_replayed_traffic_is_that_of_the_drive(family):
    for seed in range(3):
        world = EmbeddedWorld(CAMERA, SYNTHETIC.randomisation)
        world.reset(draw_scenario(family, *road_key(seed)), *road_key(seed))
        states, road, places = [], [], []
        for tick in range(61):
            states.append((world.x, world.y, world.yaw, world.speed))
            road.append((world.s, world.lateral, world.target_lane * LANE_M))
            places.append([(vehicle.s, vehicle.lane) for vehicle in world.vehicles])
            if tick < 60:
                world.step(-0.5, 0.001)
        drive = Drive(
            family=family,
            seed=seed,
            states=np.array(states),
            road=np.array(road),
            commands=(),
            collided=False,
            off_road=False,
            finished=False,
            gap_m=1.0,
        )
        again = [
            [(vehicle.s, vehicle.lane) for vehicle in moved.vehicles]
            for moved in replay.ticks(drive, SYNTHETIC)
        ]
        for got, expected in zip(again, places, strict=True):
            assert [lane for _, lane in got] == [lane for _, lane in expected]
            assert [s for s, _ in got] == pytest.approx([s for s, _ in expected])
        final = [vehicle.s for vehicle in replay.last(drive, SYNTHETIC).vehicles]
        assert final == pytest.approx([s for s, _ in places[-1]])
