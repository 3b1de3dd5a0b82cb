"""Drives on a double of a server, through the real client."""

import numpy as np
import pytest
from carla_double.road import LANE_M, RADIUS_M, STRAIGHT_M
from carla_double.server import Double
from carla_double.world import REAR_M

from avvla.agent import virtual
from avvla.agent.loop import Loop, Settings
from avvla.agent.place import Tour
from avvla.carla.arena import CarlaArena
from avvla.carla.place import CarlaPlace, roads_of
from avvla.carla.settings import parse_settings
from avvla.carla.world import CarlaWorld
from avvla.driver.route_policy import RoutePolicy, actions_along
from avvla.errors import UserError
from avvla.physical_ai.camera import Crop
from avvla.policy.interface import ConstantVelocity
from avvla.world.above import EGO, VEHICLE

START = "60,1.75,0.3,0,0,0"
"""CARLA's axes: in the middle of the right lane, which goes to the east."""
SPEED = 8.0
CROP = Crop(10.0, 33.0, 50.0)


def settings_of(server, **given):
    given.setdefault("hero", {"spawn_points": [START]})
    given.setdefault("camera", {"width": 64, "height": 36})
    given.setdefault("trip", {"start_speed_mps": SPEED})
    return parse_settings({"server": {"port": server.port, "timeout_s": 5}, **given}, "test")


@pytest.fixture(scope="module")
def server():
    pytest.importorskip("carla.libcarla", reason="CARLA's client has wheels for 3.12, x86_64")
    with Double() as double:
        yield double


@pytest.fixture
def alone():
    """A double that no other test drives in."""
    pytest.importorskip("carla.libcarla", reason="CARLA's client has wheels for 3.12, x86_64")
    with Double() as double:
        yield double


@pytest.fixture(scope="module")
def world(server):
    made = CarlaWorld(settings_of(server))
    yield made
    made.close()


@pytest.fixture
def arena(world):
    world.reset(world.settings.trip, 1)
    return CarlaArena(world)


def test_a_drive_begins_where_it_is_told_to(arena):
    tick = arena.world.tick
    # The actor is spawned at 60 and rolls for one tick; the ego's point is its rear axle.
    assert tick.x == pytest.approx(60.0 - REAR_M + 0.1 * SPEED, abs=0.02)
    assert tick.y == pytest.approx(-LANE_M / 2, abs=1e-3)
    departure = arena.world.departure
    assert (departure.length, departure.width) == pytest.approx((4.8, 1.9))
    assert departure.ahead == pytest.approx(REAR_M, abs=1e-3)
    assert tick.yaw == pytest.approx(0.0, abs=1e-6)
    assert tick.speed == pytest.approx(SPEED, abs=0.1)
    assert arena.heading_error_rad == pytest.approx(0.0, abs=1e-6)
    metrics = arena.metrics()
    assert metrics.time_s == 0.0
    assert metrics.s_m == pytest.approx(0.0, abs=1.0)
    assert (metrics.collided, metrics.off_road, metrics.finished) == (False, False, False)


def test_an_action_is_driven_for_a_tenth_of_a_second(arena):
    frame, x = arena.world.tick.frame, arena.world.tick.x
    for _ in range(20):
        arena.step(0.0, 0.0)
    assert arena.world.tick.frame == frame + 20
    assert arena.world.tick.x - x == pytest.approx(20 * 0.1 * SPEED, rel=0.03)
    assert arena.metrics().s_m == pytest.approx(20 * 0.1 * SPEED, rel=0.06)
    assert arena.metrics().time_s == pytest.approx(2.0)


def test_two_short_steps_make_one_action(alone):
    world = CarlaWorld(settings_of(alone, timestep_s=0.05))
    try:
        world.reset(world.settings.trip, 1)
        frame, x = world.tick.frame, world.tick.x
        for _ in range(10):
            world.step(0.0, 0.0)
        assert world.tick.frame == frame + 20
        assert world.tick.x - x == pytest.approx(SPEED, rel=0.03)
    finally:
        world.close()


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_a_positive_curvature_turns_left(arena, sign):
    for _ in range(10):
        arena.step(0.0, sign * 0.03)
    assert arena.world.tick.yaw == pytest.approx(sign * 0.03 * SPEED, rel=0.05)
    assert arena.heading_error_rad == pytest.approx(arena.world.tick.yaw, abs=1e-6)
    assert arena.world.heading_change == pytest.approx(arena.world.tick.yaw, abs=1e-6)
    assert np.sign(arena.metrics().lateral_m) == sign


def test_leaving_the_road_is_seen(arena):
    for _ in range(25):
        arena.step(0.0, -0.05)
    assert arena.metrics().off_road
    assert not arena.metrics().collided


def test_the_follower_goes_round_a_bend_in_its_lane(world):
    place = CarlaPlace(world, CROP, 32, roads_of(world))

    def road(index):
        world.reset(world.settings.trip, index)
        return place

    tour = Tour(road)
    loop = Loop(Settings())
    ways = []
    virtual.run(
        [tour], [loop], RoutePolicy(lambda: tour), 160,
        note=lambda index, tick: ways.append((world.tick, world.metrics())),
    )  # fmt: skip
    assert ways[-1][0].yaw == pytest.approx(np.pi / 2, abs=0.15)
    assert max(abs(metrics.lateral_m) for _, metrics in ways) < 0.6
    assert not any(metrics.off_road or metrics.collided for _, metrics in ways)
    assert tour.roads == 1
    bend = STRAIGHT_M - 60 + RADIUS_M * np.pi / 2
    assert ways[-1][1].s_m > bend


def test_the_same_seed_drives_the_same(world):
    def drive():
        world.reset(world.settings.trip, 3)
        rows = [world.observe().frame.tobytes()[:0]]
        for index in range(10):
            world.step(0.5, 0.01 * (index % 3))
            tick = world.tick
            rows.append(np.array([tick.x, tick.y, tick.yaw, tick.speed]).tobytes())
        return b"".join(rows), world.departure.xy.tobytes()

    assert drive() == drive()


def test_a_view_is_the_equidistant_cameras(arena):
    view = arena.observe()
    assert view.frame.shape == (36, 64, 3)
    assert view.frame.dtype == np.uint8
    # The double's picture gets redder to the right, all through the middle row.
    middle = view.frame[18, :, 0].astype(int)
    assert (np.diff(middle[1:-1]) >= 0).all()
    assert middle[-2] > middle[1] + 100
    assert view.speed_mps == pytest.approx(SPEED, abs=0.1)
    assert view.command == "Follow the lane"
    before = view.frame
    arena.step(0.0, 0.0)
    assert (arena.observe().frame != before).any()


def test_the_view_from_above_has_the_ego(arena):
    picture = arena.birds_eye(96, 24.0)
    assert picture.shape == (96, 96, 3)
    assert tuple(picture[72 - 2, 48]) == EGO


def test_a_car_that_is_hit_is_a_collision(server, world):
    world.reset(world.settings.trip, 1)
    other = server.world.spawn([2, "vehicle.tesla.model3", []], [[75.0, 1.75, 0.3], [0, 0, 0]])
    world.step(0.0, 0.0)
    (row,) = world.tick.others
    assert row[:3] == pytest.approx([75.0, -1.75, 0.0], abs=1e-3)
    assert row[3:5] == pytest.approx([4.8, 1.9], abs=1e-3)
    arena = CarlaArena(world)
    assert (arena.birds_eye(96, 24.0) == VEHICLE).all(-1).any()
    for _ in range(20):
        world.step(0.0, 0.0)
    assert world.metrics().collided
    world.reset(world.settings.trip, 1)
    assert other.id in server.world.actors
    server.world.destroy(other.id)
    assert not world.metrics().collided


def test_the_override_stops_before_a_car(server, world):
    place = CarlaPlace(world, CROP, 32, roads_of(world))
    world.reset(world.settings.trip, 1)
    other = server.world.spawn([2, "vehicle.tesla.model3", []], [[95.0, 1.75, 0.3], [0, 0, 0]])
    virtual.run([place], [Loop(Settings())], ConstantVelocity(), 80)
    server.world.destroy(other.id)
    assert not world.metrics().collided
    assert world.tick.speed < 0.2
    assert world.tick.x > 75.0


def test_only_what_was_spawned_is_destroyed_and_the_settings_come_back(alone):
    before = dict(alone.world.actors)
    settings = list(alone.world.settings)
    stranger = alone.world.spawn([2, "vehicle.tesla.model3", []], [[0, -180, 0.3], [0, 0, 0]])
    with_sensor = {"spawn_points": [], "sensors": {"eye": {"type": "sensor.lidar.ray_cast"}}}
    world = CarlaWorld(settings_of(alone, hero=with_sensor))
    for seed in (1, 2):
        world.reset(world.settings.trip, seed)
    assert len(alone.world.actors) > len(before) + 1
    world.close()
    assert set(alone.world.actors) >= {*before, stranger.id} - set(before)
    mine = set(alone.world.actors) - set(before) - {stranger.id}
    assert not mine
    assert alone.world.settings == settings
    alone.world.destroy(stranger.id)


SENSORS = {
    "depth": ("sensor.camera.depth", {"image_size_x": 8, "image_size_y": 6}),
    "tags": ("sensor.camera.semantic_segmentation", {"image_size_x": 8, "image_size_y": 6}),
    "objects": ("sensor.camera.instance_segmentation", {"image_size_x": 8, "image_size_y": 6}),
    "flow": ("sensor.camera.optical_flow", {"image_size_x": 8, "image_size_y": 6}),
    "dvs": ("sensor.camera.dvs", {"image_size_x": 8, "image_size_y": 6}),
    "rgb": ("sensor.camera.rgb", {"image_size_x": 8, "image_size_y": 6}),
    "lidar": ("sensor.lidar.ray_cast", {}),
    "semantic_lidar": ("sensor.lidar.ray_cast_semantic", {}),
    "radar": ("sensor.other.radar", {}),
    "gnss": ("sensor.other.gnss", {}),
    "imu": ("sensor.other.imu", {}),
    "obstacle": ("sensor.other.obstacle", {"distance": 30}),
}


def test_every_kind_of_sensor_is_matched_to_the_frame(alone):
    sensors = {
        name: {"type": kind, "attributes": attributes}
        for name, (kind, attributes) in SENSORS.items()
    }
    world = CarlaWorld(settings_of(alone, hero={"spawn_points": [START], "sensors": sensors}))
    try:
        world.reset(world.settings.trip, 1)
        other = alone.world.spawn([2, "vehicle.tesla.model3", []], [[85, 1.75, 0.3], [0, 0, 0]])
        world.step(0.0, 0.0)
        said = world.sense(*SENSORS)
        alone.world.destroy(other.id)
        for name, (kind, _) in SENSORS.items():
            assert kind == "sensor.other.obstacle" or said[name].frame == world.tick.frame
        assert said["rgb"].data.shape == (6, 8, 3)
        assert said["rgb"].data[0, 0].tolist() == [40, 200, world.tick.frame % 251]
        assert said["depth"].data == pytest.approx(np.full((6, 8), 25.0), abs=1e-3)
        assert (said["tags"].data == np.full((6, 8), 7)).all()
        assert said["objects"].data[0, 0].tolist() == [7, 1, 2]
        assert said["flow"].data.shape == (6, 8, 2)
        assert said["dvs"].data.tolist() == [[3, 4, 1000, 1], [5, 6, 2000, 0]]
        # To the right in CARLA's axes is -y in ours.
        assert said["lidar"].data == pytest.approx(
            np.array([[10.0, 2.0, 0.5, 0.9], [20.0, -3.0, 0.0, 0.4]]), abs=1e-5
        )
        assert said["semantic_lidar"].data == pytest.approx(
            np.array([[10.0, 2.0, 0.5, 0.8, 7, 14]]), abs=1e-5
        )
        assert said["radar"].data == pytest.approx(np.array([[-3.0, 0.1, 0.02, 25.0]]), abs=1e-5)
        assert said["gnss"].data.tolist() == [48.1, 11.5, 520.0]
        assert said["imu"].data == pytest.approx([0.1, -0.2, 9.81, 0.0, 0.0, -0.3, 1.5], abs=1e-5)
        assert said["obstacle"].data[0].startswith("vehicle.tesla.model3 at ")
        with pytest.raises(UserError, match="unknown sensor 'lidra'; did you mean 'lidar'"):
            world.sense("lidra")
    finally:
        world.close()


def test_a_crossed_line_is_told(arena):
    told = []
    for _ in range(20):
        arena.step(0.0, 0.05)
        told += arena.world.tick.crossed
    assert "Broken" in told


def test_a_camera_that_is_off_has_an_empty_frame(alone):
    world = CarlaWorld(settings_of(alone, camera={"enabled": False}))
    try:
        world.reset(world.settings.trip, 1)
        assert world.observe().frame.shape == (0, 0, 3)
    finally:
        world.close()


def test_a_town_is_loaded_and_background_is_driven_by_a_seeded_manager(alone):
    given = {"vehicles": 2, "walkers": 1}
    hero = {"spawn_points": []}
    world = CarlaWorld(
        settings_of(alone, town="Town05_Opt", background=given, hero=hero, traffic_port=18123)
    )
    try:
        assert world.town == "Town05_Opt"
        world.reset(world.settings.trip, 1)
        cars = world.tick.others[~world.tick.walking]
        assert len(cars) == 2
        # The double has no mesh for pedestrians, so none can be had, and that is said.
        assert world.departure.shortage == "0 of 1 walkers: no free place on the mesh"
        assert 18123 in alone.managers
        for _ in range(30):
            world.step(0.0, 0.0)
        moved = world.tick.others[~world.tick.walking]
        # A manager that was not told to be synchronous would not keep step with the ticks.
        assert np.linalg.norm(moved[:, :2] - cars[:, :2], axis=1).min() > 2.0
    finally:
        world.close()


def test_a_world_is_reset_before_it_is_driven(alone):
    world = CarlaWorld(settings_of(alone))
    try:
        for ask in (world.metrics, world.observe, lambda: world.step(0.0, 0.0)):
            with pytest.raises(UserError, match="no drive has begun"):
                ask()
    finally:
        world.close()


def test_a_path_becomes_the_actions_that_drive_it():
    from avvla.actions.unicycle import rollout

    action = np.stack([np.linspace(0.5, -0.5, 64), np.linspace(0.0, 0.05, 64)], -1)[None]
    states = rollout(np.array([6.0]), action)[0]
    found = actions_along(states[:, :3], 6.0)
    assert found[:-1] == pytest.approx(action[0, :-1], abs=1e-6)
