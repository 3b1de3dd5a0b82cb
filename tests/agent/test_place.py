import numpy as np
import pytest
import shapely

from avvla.agent.motion import Action
from avvla.agent.place import EmbeddedPlace, Tour, drivable
from avvla.config import Build, Synthetic
from avvla.physical_ai.camera import Crop
from avvla.world.embedded import EmbeddedWorld
from avvla.world.recording import synthetic_camera
from avvla.world.scenario import FAMILIES, draw_scenario

CAMERA = synthetic_camera(Synthetic(camera_width=64, camera_height=36))


def place_of(family, seed=0):
    world = EmbeddedWorld(CAMERA)
    world.reset(draw_scenario(family, 9, seed), 9, seed)
    return EmbeddedPlace(world, Crop.of(Build()), 32)


@pytest.mark.parametrize("family", list(FAMILIES))
def test_the_drivable_area_is_the_worlds_own(family):
    road_map = draw_scenario(family, 9, 1).road_map
    area = drivable(road_map)
    draw = np.random.default_rng(3)
    strips = [strip for strip in road_map.strips if strip.paint == "asphalt"]
    outline = np.concatenate([strip.left for strip in strips])
    points = outline[draw.integers(0, len(outline), 200)] + draw.normal(0, 4, (200, 2))
    inside = shapely.contains_xy(area, points[:, 0], points[:, 1])
    expected = [road_map.drivable(*point) for point in points.tolist()]
    near_an_edge = shapely.distance(area.boundary, shapely.points(points)) < 0.05
    assert ((inside == expected) | near_an_edge).all()


def test_obstacles_are_the_other_vehicles_with_their_motion():
    place = place_of("cut_in")
    (row,) = place.around().obstacles
    vehicle, box = place.world.vehicles[0], place.world.boxes()[0]
    assert row[3:5].tolist() == [box.length, box.width]
    assert np.hypot(*row[5:]) == pytest.approx(vehicle.speed)
    before = row[:2]
    place.step(Action(0.0, 0.0))
    moved = place.around().obstacles[0, :2] - before
    assert np.linalg.norm(moved) == pytest.approx(vehicle.speed * 0.1, rel=0.1)


def test_a_look_is_the_policys_picture_and_a_situation_the_whole_one():
    place = place_of("stop")
    seen = place.look(1.5)
    assert (seen.time_s, seen.image.shape) == (1.5, (32, 32, 3))
    told = place.situation(("Stop",))
    assert told.image.shape == (36, 64, 3)
    assert (told.given, told.recent) == ("Follow the lane", ("Stop",))


def test_a_tour_goes_on_with_the_next_road():
    tour = Tour(lambda index: place_of("straight", index))
    for _ in range(400):
        tour.step(Action(3.0 if tour.state().speed < 20 else 0.0, 0.0))
    assert tour.roads >= 2
    assert not tour.over
