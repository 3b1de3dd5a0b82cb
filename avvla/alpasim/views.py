"""What avvla reads of a run folder's files, checked; keys that it does not use are not looked at.

Lengths of time are microseconds, image sizes pixels. The older vocabulary has `addresses` and
`scenarios`, the newer `endpoints`, `simulation_config` and `scenes` (docs/alpasim.md).
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from avvla.errors import UserError

Count = Annotated[int, Field(ge=1)]
Name = Annotated[str, Field(min_length=1)]


class View(BaseModel):
    """A part of a file: types are not converted, further keys are ignored."""

    model_config = ConfigDict(extra="ignore", frozen=True, strict=True)


class Endpoint(View):
    """A place of a service in the newer vocabulary."""

    address: Name
    managed: bool = True


class Service(View):
    """Where a service of the network configuration is."""

    addresses: list[Name] | None = None
    endpoints: list[Endpoint] | None = None

    @property
    def places(self) -> tuple[str, ...]:
        """host:port of each replica, in either vocabulary."""
        return (*(self.addresses or ()), *(place.address for place in self.endpoints or ()))


class Network(View):
    """generated-network-config.yaml: the services by name."""

    services: dict[str, Service]


class Camera(View):
    """A camera as the runtime asks the renderer for it."""

    logical_id: Name
    width: Count
    height: Count
    frame_interval_us: Count
    shutter_duration_us: Annotated[int, Field(ge=0)]
    first_frame_offset_us: int | None = None


class Simulation(View):
    """How a scene is simulated: a scenario of the older vocabulary, or `simulation_config`."""

    n_sim_steps: Count
    n_rollouts: Count = 1
    control_timestep_us: Count
    force_gt_duration_us: Annotated[int, Field(ge=0)] = 0
    egopose_interval_us: Count | None = None
    assert_zero_decision_delay: bool = False
    cameras: list[Camera]
    scene_id: Name | None = None

    @field_validator("cameras", mode="before")
    @classmethod
    def _is_a_list(cls, cameras: Any) -> Any:
        if isinstance(cameras, dict):
            raise ValueError(
                "got a mapping, expected a list with logical_id and frame_interval_us; `avvla"
                " alpasim configure` writes it"
            )
        return cameras


class Scene(View):
    """An entry of `scenes`."""

    scene_id: Name


class Endpoints(View):
    """The part of the user configuration that is about services."""

    do_shutdown: bool | None = None


class User(View):
    """generated-user-config-0.yaml: what is simulated."""

    endpoints: Endpoints = Endpoints()
    scenarios: list[Simulation] | None = None
    simulation_config: Simulation | None = None
    scenes: list[Scene] | None = None

    @property
    def simulations(self) -> tuple[tuple[str, Simulation], ...]:
        """Each simulation with the key under which it stands."""
        if self.scenarios is not None:
            return tuple((f"scenarios[{i}]", made) for i, made in enumerate(self.scenarios))
        return (
            ()
            if self.simulation_config is None
            else (("simulation_config", self.simulation_config),)
        )

    @property
    def scene_ids(self) -> tuple[str, ...]:
        """The scenes in the order of the file; "" for a scenario without one."""
        if self.scenarios is not None:
            return tuple(made.scene_id or "" for made in self.scenarios)
        return tuple(scene.scene_id for scene in self.scenes or ())


class Inference(View):
    """What the stock driver shows its model."""

    use_cameras: list[Name]
    context_length: Count = 1
    subsample_factor: Count = 1


class Model(View):
    """The stock driver's model."""

    model_type: str = ""


class Driver(View):
    """driver-config.yaml; port is None where the wizard left `???` to the command line."""

    host: str = ""
    port: Annotated[int, Field(ge=1, le=65535)] | None = None
    inference: Inference
    model: Model = Model()

    @field_validator("port", mode="before")
    @classmethod
    def _unresolved(cls, port: Any) -> Any:
        return None if port == "???" else port


class Container(View):
    """A service of the compose file."""

    command: list[str] | str = ""
    image: str = ""
    network_mode: str | None = None
    ports: list[str | int] = []
    profiles: list[str] = []
    volumes: list[Any] = []

    @property
    def command_line(self) -> str:
        """The command in one piece."""
        return self.command if isinstance(self.command, str) else " ".join(self.command)


class Compose(View):
    """docker-compose.yaml."""

    services: dict[str, Container]


def view[V: View](kind: type[V], content: Any, path: Path) -> V:
    """`content` of the file at `path` as a view.

    Raises:
        UserError: a key that is needed is missing or of another type; the first one is named.
    """
    try:
        return kind.model_validate(content)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join(str(part) for part in first["loc"]) or "the file"
        got = "" if first["type"] in ("missing", "value_error") else f", got {first['input']!r:.60}"
        raise UserError(
            f"{path}: {key}: {first['msg']}{got}; correct it or write the folder again with the"
            " wizard"
        ) from None
