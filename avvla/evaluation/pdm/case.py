"""Cases to score, as files hold them: map, agents, lights, ego and plans (docs/evaluation.md).

SI units and radians; global frame, but for poses of plans, which are in the ego's frame at t = 0.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from avvla.errors import UserError
from avvla.evaluation.pdm.vehicle import DT_S, STEPS

LEAST_S = 3.0
"""The shortest plan that is scored; what follows its end stands still."""

Array = NDArray[np.float64]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Point = tuple[Finite, Finite]
Pose = tuple[Finite, Finite, Finite]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True)


class Ego(_Part):
    """The vehicle at t = 0."""

    rear_axle: Pose
    velocity: Point
    acceleration: Point
    tire_steering_angle: Finite = 0.0
    tire_steering_rate: Finite = 0.0
    angular_velocity: Finite = 0.0
    angular_acceleration: Finite = 0.0

    def state(self) -> Array:
        """(11,) see `avvla.evaluation.pdm.tracker`."""
        return np.array(
            [
                *self.rear_axle,
                *self.velocity,
                *self.acceleration,
                self.tire_steering_angle,
                self.tire_steering_rate,
                self.angular_velocity,
                self.angular_acceleration,
            ]
        )


class MapPolygon(_Part):
    """An area of the map."""

    token: str
    layer: Literal["ROADBLOCK", "LANE", "LANE_CONNECTOR", "INTERSECTION", "CARPARK_AREA"]
    points: Annotated[tuple[Point, ...], Field(min_length=3)]


class Map(_Part):
    """Areas and the way to go."""

    polygons: Annotated[tuple[MapPolygon, ...], Field(min_length=1)]
    route_lane_ids: tuple[str, ...]
    centerline: Annotated[tuple[Pose, ...], Field(min_length=2)]


class Agent(_Part):
    """Another object, at 2 Hz: t, x, y, heading, vx, vy of the centre of its box."""

    token: str
    type: str
    length: Annotated[float, Field(gt=0)]
    width: Annotated[float, Field(gt=0)]
    states: Annotated[
        tuple[tuple[Finite, Finite, Finite, Finite, Finite, Finite], ...], Field(min_length=1)
    ]


class RedLight(_Part):
    """A lane connector whose light is red from each of these times until the next stamp."""

    lane_connector_id: str
    polygon: Annotated[tuple[Point, ...], Field(min_length=3)]
    times_s: tuple[Finite, ...]


class Trajectory(_Part):
    """A plan: poses of the rear axle in the ego's frame, the first at `interval_s`."""

    interval_s: Annotated[float, Field(gt=0)]
    poses: Annotated[tuple[Pose, ...], Field(min_length=1)]

    def array(self) -> Array:
        """(n, 3)."""
        return np.array(self.poses)


class Scene(_Part):
    """One case."""

    id: str
    ego: Ego
    ego_history: tuple[
        tuple[Finite, Finite, Finite, Finite, Finite, Finite, Finite, Finite], ...
    ] = ()
    map: Map
    agents: tuple[Agent, ...]
    red_lights: tuple[RedLight, ...] = ()
    reference_trajectory: Trajectory
    human_trajectory: Trajectory | None = None
    prediction: Trajectory


class Drive(_Part):
    """An ego and what it plans."""

    ego: Ego
    prediction: Trajectory


class Pair(_Part):
    """Two plans of successive moments."""

    id: str
    gap_s: Annotated[float, Field(gt=0, lt=0.55)]
    previous: Drive
    current: Drive


def checked[Part: _Part](kind: type[Part], case: Any) -> Part:
    """A case as what it is.

    Raises:
        UserError: a key is missing or holds something else, said with its place.
    """
    try:
        part = kind.model_validate(case)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"])) or "the case"
        raise UserError(f"{place}: {first['msg']}") from None
    for name in ("prediction", "reference_trajectory", "human_trajectory"):
        plan = getattr(part, name, None)
        if plan is not None:
            _check_plan(name, plan)
    if isinstance(part, Pair):
        for drive in (part.previous, part.current):
            _check_plan("prediction", drive.prediction)
    if isinstance(part, Scene):
        for agent in part.agents:
            times = [state[0] for state in agent.states]
            if times != sorted(set(times)):
                raise UserError(f"agents: the times of {agent.token} do not ascend")
    return part


def _check_plan(name: str, plan: Trajectory) -> None:
    steps = plan.interval_s / DT_S
    if abs(steps - round(steps)) > 1e-6:
        raise UserError(f"{name}: interval_s is {plan.interval_s}, expected a multiple of {DT_S} s")
    length_s = plan.interval_s * len(plan.poses)
    if length_s < LEAST_S - 1e-6:
        raise UserError(
            f"{name}: {len(plan.poses)} poses reach {length_s:g} s, expected {LEAST_S:g} s or more"
            f" of {STEPS * DT_S:g} s"
        )
