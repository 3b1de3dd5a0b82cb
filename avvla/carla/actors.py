"""What a session puts into CARLA's world and takes out again: the hero, other cars, walkers."""

from __future__ import annotations

import math
from typing import Any

import carla
import numpy as np

from avvla.carla.axes import yaw_rad
from avvla.carla.controller import Chassis, Pedals
from avvla.carla.names import unknown
from avvla.carla.settings import CarlaSettings
from avvla.carla.settings import Hero as HeroSettings
from avvla.carla.spawn_point import parse
from avvla.errors import UserError

ABOVE_M = 0.5
"""A car is spawned above the road and comes down."""
WHEELBASES_M = (0.5, 12.0)
CM = 100.0


class Hero:
    """The vehicle that is driven; lengths in metres.

    Args:
        actor: just spawned, its physics known to the server.
    """

    def __init__(self, actor: Any) -> None:
        self.actor, self.id = actor, int(actor.id)
        self.chassis = _chassis(actor)
        box = actor.bounding_box
        self.length, self.width = 2 * box.extent.x, 2 * box.extent.y
        self.ahead = self.chassis.rear_m + box.location.x

    def apply(self, pedals: Pedals) -> None:
        """Hold these pedals from the next tick on."""
        self.actor.apply_control(
            carla.VehicleControl(throttle=pedals.throttle, brake=pedals.brake, steer=pedals.steer)
        )

    def push(self, speed_mps: float) -> None:
        """Give it a speed along its heading."""
        ahead = self.actor.get_transform().get_forward_vector()
        self.actor.set_target_velocity(
            carla.Vector3D(ahead.x * speed_mps, ahead.y * speed_mps, 0.0)
        )

    def speed(self) -> float:
        """Along its heading [m/s]."""
        velocity = self.actor.get_velocity()
        ahead = self.actor.get_transform().get_forward_vector()
        return float(velocity.x * ahead.x + velocity.y * ahead.y)

    def rear_axle(self, pose: Any) -> tuple[float, float, float]:
        """x, y, yaw of its rear axle in our axes, of the actor's pose."""
        yaw = yaw_rad(pose.rotation.yaw)
        back = self.chassis.rear_m
        x, y = pose.location.x - back * math.cos(yaw), -pose.location.y - back * math.sin(yaw)
        return float(x), float(y), yaw

    def waypoint(self, roads: Any) -> Any:
        """The lane's point at its rear axle."""
        x, y, _ = self.rear_axle(self.actor.get_transform())
        return roads.get_waypoint(carla.Location(x, -y, self.actor.get_location().z))


class Cast:
    """Everything that was spawned here."""

    def __init__(self) -> None:
        self._actors: list[Any] = []
        self._controllers: list[Any] = []

    def hero(
        self, world: Any, roads: Any, settings: HeroSettings, rng: np.random.Generator
    ) -> Hero:
        """Spawn it at the first place that is free, in an order drawn from `rng`.

        Raises:
            UserError: the blueprint is unknown, or every place is taken.
        """
        blueprint = _blueprint(world, settings.blueprint, "vehicle.*")
        blueprint.set_attribute("role_name", "hero")
        places = [_pose(roads, text) for text in settings.spawn_points] or _places(roads)
        for index in rng.permutation(len(places)):
            actor = world.try_spawn_actor(blueprint, places[index])
            if actor is not None:
                self._actors.append(actor)
                world.tick()
                return Hero(actor)
        raise UserError(
            f"all {len(places)} spawn points are blocked: other actors stand there; give other"
            " spawn_points, or let their clients destroy them"
        )

    def background(
        self, world: Any, roads: Any, settings: CarlaSettings, rng: np.random.Generator
    ) -> str:
        """Spawn the others; what could not be had, in words."""
        wanted = settings.background
        cars = self._vehicles(world, roads, wanted.vehicles, settings.traffic_port, rng)
        people = self._walkers(world, wanted.walkers, rng)
        short = []
        if cars < wanted.vehicles:
            short.append(f"{cars} of {wanted.vehicles} vehicles: no free spawn points are left")
        if people < wanted.walkers:
            short.append(f"{people} of {wanted.walkers} walkers: no free place on the mesh")
        return "; ".join(short)

    def _vehicles(
        self, world: Any, roads: Any, count: int, port: int, rng: np.random.Generator
    ) -> int:
        if not count:
            return 0
        models = sorted(
            (b for b in world.get_blueprint_library().filter("vehicle.*") if _is_car(b)),
            key=lambda blueprint: str(blueprint.id),
        )
        places, made = _places(roads), 0
        for index in rng.permutation(len(places)):
            if made == count:
                break
            blueprint = models[int(rng.integers(len(models)))]
            _paint(blueprint, rng)
            blueprint.set_attribute("role_name", "autopilot")
            actor = world.try_spawn_actor(blueprint, places[index])
            if actor is not None:
                self._actors.append(actor)
                actor.set_autopilot(True, port)
                made += 1
        return made

    def _walkers(self, world: Any, count: int, rng: np.random.Generator) -> int:
        if not count:
            return 0
        library = world.get_blueprint_library()
        models = sorted(library.filter("walker.pedestrian.*"), key=lambda b: str(b.id))
        controller, made = library.find("controller.ai.walker"), 0
        for _ in range(count):
            place = world.get_random_location_from_navigation()
            if place is None:
                continue
            blueprint = models[int(rng.integers(len(models)))]
            if blueprint.has_attribute("is_invincible"):
                blueprint.set_attribute("is_invincible", "false")
            actor = world.try_spawn_actor(blueprint, carla.Transform(place))
            if actor is None:
                continue
            self._actors.append(actor)
            self._controllers.append(world.spawn_actor(controller, carla.Transform(), actor))
            made += 1
        world.tick()
        for each in self._controllers:
            each.start()
            if (aim := world.get_random_location_from_navigation()) is not None:
                each.go_to_location(aim)
        return made

    def clear(self) -> None:
        """Destroy what was spawned here, the last first."""
        for controller in self._controllers:
            controller.stop()
        for actor in (*self._controllers, *reversed(self._actors)):
            actor.destroy()
        self._controllers, self._actors = [], []


def _blueprint(world: Any, name: str, kind: str) -> Any:
    library = world.get_blueprint_library()
    known = [str(blueprint.id) for blueprint in library.filter(kind)]
    if name not in known:
        raise unknown("blueprint", name, known)
    return library.find(name)


def _is_car(blueprint: Any) -> bool:
    wheels = "number_of_wheels"
    return blueprint.has_attribute(wheels) and int(blueprint.get_attribute(wheels)) == 4


def _paint(blueprint: Any, rng: np.random.Generator) -> None:
    if blueprint.has_attribute("color"):
        colours = blueprint.get_attribute("color").recommended_values
        if colours:
            blueprint.set_attribute("color", colours[int(rng.integers(len(colours)))])


def _pose(roads: Any, text: str) -> Any:
    point = parse(text)
    location = carla.Location(*point.location)
    if point.rotation is None:
        return carla.Transform(location, roads.get_waypoint(location).transform.rotation)
    roll, pitch, yaw = point.rotation
    return carla.Transform(location, carla.Rotation(pitch=pitch, yaw=yaw, roll=roll))


def _places(roads: Any) -> list[Any]:
    """The town's spawn points; where it has none, the beginnings of its lanes."""
    found = list(roads.get_spawn_points())
    if not found:
        found = [begin.transform for begin, _ in roads.get_topology()]
        for pose in found:
            pose.location.z += ABOVE_M
    return found


def _chassis(actor: Any) -> Chassis:
    """What the server says of the wheels: positions in centimetres, in the world."""
    physics, pose = actor.get_physics_control(), actor.get_transform()
    ahead = pose.get_forward_vector()

    def along(wheel: Any) -> float:
        dx, dy = wheel.position.x / CM - pose.location.x, wheel.position.y / CM - pose.location.y
        return float(dx * ahead.x + dy * ahead.y)

    places = sorted(along(wheel) for wheel in physics.wheels)
    half = len(places) // 2
    if not half:
        raise UserError(f"{actor.type_id} has no wheels, expected a vehicle with axles")
    rear, front = float(np.mean(places[:half])), float(np.mean(places[-half:]))
    steer = max(math.radians(wheel.max_steer_angle) for wheel in physics.wheels)
    if not WHEELBASES_M[0] < front - rear < WHEELBASES_M[1] or not steer > 0:
        raise UserError(
            f"{actor.type_id} has a wheelbase of {front - rear:.2f} m and steers by"
            f" {math.degrees(steer):.0f} degrees: it cannot be driven as a car"
        )
    curve = tuple((float(point.x), float(point.y)) for point in physics.steering_curve)
    return Chassis(front - rear, -rear, steer, curve)
