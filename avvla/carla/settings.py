"""What a drive in CARLA is told: where the server is, the town, the hero, its sensors, the others.

Keys of the older rllib-integration are refused with the name that they have here.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from avvla import host
from avvla.carla.spawn_point import parse
from avvla.config.section import Count, NonNegative, Positive, Section
from avvla.errors import UserError
from avvla.params import checked, read_mapping

Port = Annotated[int, Field(ge=1, le=65534)]
"""Of the calls; the streams are on the next."""
Whole = Annotated[int, Field(ge=0)]

TIMESTEPS_S = (0.1, 0.05)
"""Of which an action of 0.1 s is a whole number."""


class Server(Section):
    """Which server; `$AVVLA_CARLA_HOST` and `$AVVLA_CARLA_PORT` stand above host and port."""

    mode: Literal["attach", "spawn"] = Field(
        "attach", description="join one that runs and leave it running, or start one of our own"
    )
    host: str = Field("127.0.0.1", description="name or address; with spawn this host")
    port: Port = Field(2000, description="of the calls; with spawn a free pair is searched")
    timeout_s: Positive = Field(20.0, description="of each call [s]; loading a town takes long")
    ready_s: Positive = Field(120.0, description="until the server answers at the start [s]")
    restarts: Whole = Field(3, description="of a spawned server that dies")
    quality: Literal["Low", "Epic"] = Field("Low", description="of a spawned server's pictures")
    offscreen: bool = Field(True, description="a spawned server has no window")
    allow_version_mismatch: bool = Field(False, description="drive although the versions differ")


class Sensor(Section):
    """One sensor on the hero, with the attributes of its blueprint."""

    type: Annotated[str, Field(pattern=r"^sensor\.[a-z_]+\.[a-z_]+$")] = Field(
        description="blueprint, such as sensor.camera.rgb"
    )
    transform: str = Field("0,0,2", description="where on the hero, 3 or 6 numbers, CARLA's axes")
    attributes: dict[str, bool | int | float | str] = Field({}, description="of the blueprint")

    @field_validator("transform")
    @classmethod
    def _placed(cls, text: str) -> str:
        return _as_written(text)


class Hero(Section):
    """The vehicle that is driven."""

    blueprint: str = Field("vehicle.lincoln.mkz_2017", description="of the vehicle")
    spawn_points: tuple[str, ...] = Field(
        (), description="3 or 6 numbers each, CARLA's axes; empty: the town's"
    )
    sensors: dict[str, Sensor] = Field({}, description="beside the camera, by name")

    @field_validator("spawn_points")
    @classmethod
    def _placed(cls, points: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(_as_written(point) for point in points)


class Camera(Section):
    """The front wide camera, an equidistant one made of CARLA's pinhole."""

    enabled: bool = Field(True, description="off: a view's frame is empty, and ticks are faster")
    width: Count = Field(192, description="of the frame [px]")
    height: Count = Field(108, description="of the frame [px]")
    hfov_deg: Annotated[float, Field(gt=0, le=160)] = Field(120.0, description="over the width")
    forward_m: float = Field(1.7, description="ahead of the rear axle [m]")
    height_m: Positive = Field(1.5, description="above the ground [m]")


class Background(Section):
    """Others on the road."""

    vehicles: Whole = Field(0, description="driven by the traffic manager")
    walkers: Whole = Field(0, description="pedestrians on the town's mesh")
    hybrid: bool = Field(True, description="full physics only near the hero")


class Trip(Section):
    """One drive."""

    route_m: Annotated[float, Field(ge=50)] = Field(400.0, description="length of the route [m]")
    start_speed_mps: NonNegative = Field(0.0, description="at the start [m/s]")


class CarlaSettings(Section):
    """Everything; see `docs/carla.md`."""

    server: Server = Server()
    town: str | None = Field(None, description="such as Town05_Opt; null: as the server has it")
    xodr: str | None = Field(None, description="an OpenDRIVE file to drive on instead of a town")
    weather: str = Field("ClearNoon", description="a preset of carla.WeatherParameters")
    timestep_s: float = Field(0.1, description="of the server, 0.1 or 0.05; an action lasts 0.1 s")
    traffic_port: Port = Field(8000, description="of the traffic manager, where others drive")
    hero: Hero = Hero()
    camera: Camera = Camera()
    background: Background = Background()
    trip: Trip = Trip()

    @field_validator("timestep_s")
    @classmethod
    def _whole_steps(cls, step_s: float) -> float:
        if step_s not in TIMESTEPS_S:
            raise ValueError(f"expected one of {', '.join(map(str, TIMESTEPS_S))}")
        return step_s

    @model_validator(mode="after")
    def _one_map(self) -> Self:
        if self.town is not None and self.xodr is not None:
            raise ValueError("town and xodr are both given, expected one of them")
        return self

    def here(self) -> CarlaSettings:
        """With what the machine's environment says of the server's place.

        Raises:
            UserError: a variable is malformed.
        """
        name, port = host.carla_host(), host.carla_port()
        given = {"host": name or self.server.host, "port": port or self.server.port}
        return self.model_copy(update={"server": self.server.model_copy(update=given)})


_RENAMED = {
    "host": "server.host",
    "timeout": "server.timeout_s",
    "timestep": "timestep_s",
    "retries_on_error": "server.restarts",
    "quality_level": "server.quality",
    "enable_rendering": "camera.enabled",
    "show_display": "server.offscreen",
    "resolution_x": "camera.width",
    "resolution_y": "camera.height",
    "background_activity": "background",
    "n_vehicles": "background.vehicles",
    "n_walkers": "background.walkers",
    "tm_hybrid_mode": "background.hybrid",
    "carla": "server",
}
"""Keys of rllib-integration's configuration, and what says the same here."""
LEGACY = {old: f"is a key of rllib-integration: write `{new}`" for old, new in _RENAMED.items()}
"""What follows the key's name in a message."""


def load_settings(path: Path) -> CarlaSettings:
    """Read and check a file of settings.

    Raises:
        UserError: it is missing, no YAML mapping, or has an unknown key or a bad value.
    """
    return parse_settings(read_mapping(path, "expected settings, see docs/carla.md"), str(path))


def parse_settings(raw: Mapping[Any, Any], source: str) -> CarlaSettings:
    """Settings of a mapping; `source` is named in errors.

    Raises:
        UserError: it has an unknown key or a bad value.
    """
    try:
        return checked(CarlaSettings, raw, renamed=LEGACY)
    except UserError as error:
        raise UserError(f"{source}: {error}") from None


def _as_written(text: str) -> str:
    try:
        parse(text)
    except UserError as error:
        raise ValueError(str(error)) from None
    return text
