"""A run folder as Alpasim's wizard writes it: which layout it has, and its files as views.

The layout is told by what the files say, never by a version: the same image tag was built from two
layouts. Sources: the wizard's output of four commits (tests/alpasim/run_factory.py names them).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

from avvla.alpasim.views import Compose, Driver, Network, User, view
from avvla.alpasim.yaml_file import Document, read
from avvla.errors import UserError

NETWORK = "generated-network-config.yaml"
USER = "generated-user-config-*.yaml"
DRIVER = "driver-config.yaml"
COMPOSE = "docker-compose.yaml"
EVAL = "eval-config.yaml"
METADATA = "run_metadata.yaml"
WIZARD = "wizard-config.yaml"

_SET = re.compile(r"scenesets/([0-9a-f]{32})/")

Role = Literal["sim", "driver"]
ROLES: tuple[Role, ...] = ("sim", "driver")


@dataclass(frozen=True)
class Layout:
    """What differs between versions of Alpasim."""

    network: Literal["addresses", "endpoints"]
    """The key of a service's places."""
    user: Literal["scenarios", "simulation_config"]
    """Where the steps and cameras are; `scenarios` have a scene each."""
    evaluation: Literal["profiles", "runtime"]
    """Evaluation and aggregation as compose profiles, or in the runtime."""
    image: str
    """Tag of the base image, for people; "unknown" where no compose file tells."""


@dataclass(frozen=True)
class RunFolder:
    """A run folder; files are read when asked for and then kept."""

    path: Path

    @cached_property
    def network_file(self) -> Document:
        """Where the services are."""
        return read(self.path / NETWORK)

    @cached_property
    def user_files(self) -> tuple[Document, ...]:
        """What is simulated, in as many files as the run has parts.

        Raises:
            UserError: there is none.
        """
        paths = sorted(self.path.glob(USER))
        if not paths:
            return (read(self.path / USER.replace("*", "0")),)
        return tuple(map(read, paths))

    @cached_property
    def driver_file(self) -> Document:
        """The stock driver's configuration."""
        return read(self.path / DRIVER)

    @cached_property
    def compose_file(self) -> Document:
        """The containers."""
        return read(self.path / COMPOSE)

    @cached_property
    def network(self) -> Network:
        """The network configuration, checked."""
        document = self.network_file
        found = view(Network, {"services": document.plain}, document.path)
        if "driver" not in found.services:
            raise UserError(
                f"{document.path} has the services {', '.join(map(str, document.plain)) or 'none'},"
                " expected `driver` among them: write the folder again with the wizard"
            )
        return found

    @cached_property
    def users(self) -> tuple[User, ...]:
        """The user configurations, checked.

        Raises:
            UserError: one has neither `scenarios` nor `simulation_config`, or both.
        """
        found = tuple(view(User, file.plain, file.path) for file in self.user_files)
        for user, file in zip(found, self.user_files, strict=True):
            if (user.scenarios is None) == (user.simulation_config is None):
                raise UserError(
                    f"{file.path} has {'neither' if user.scenarios is None else 'both'}"
                    " `scenarios` and `simulation_config`, expected one of them: write the folder"
                    " again with the wizard"
                )
        return found

    @cached_property
    def driver(self) -> Driver:
        """The stock driver's configuration, checked."""
        return view(Driver, self.driver_file.plain, self.driver_file.path)

    @cached_property
    def compose(self) -> Compose:
        """The compose file, checked."""
        return view(Compose, self.compose_file.plain, self.compose_file.path)

    @cached_property
    def layout(self) -> Layout:
        """The layout, from the files.

        Raises:
            UserError: a file is missing or its vocabulary unknown.
        """
        profiles = {name for made in self.compose.services.values() for name in made.profiles}
        tags = [
            made.image.rpartition(":")[2]
            for name, made in sorted(self.compose.services.items())
            if name.startswith("runtime")
        ]
        return Layout(
            network=network_key(self.network_file),
            user=user_key(self.user_files[0]),
            evaluation="profiles" if "eval" in profiles else "runtime",
            image=tags[0] if tags else "unknown",
        )

    @property
    def driver_addresses(self) -> tuple[str, ...]:
        """host:port of each driver of the network configuration."""
        return self.network.services["driver"].places


def network_key(document: Document) -> Literal["addresses", "endpoints"]:
    """The key of the places of the service `driver`.

    Raises:
        UserError: there is no such service, or it has neither or both keys.
    """
    service = document.plain.get("driver")
    keys = [
        key for key in ("addresses", "endpoints") if isinstance(service, dict) and key in service
    ]
    if keys == ["addresses"]:
        return "addresses"
    if keys == ["endpoints"]:
        return "endpoints"
    raise UserError(
        f"{document.path}: driver: got {service!r:.80}, expected a list under `addresses` (to"
        " version 0.66) or `endpoints` (from 0.87): write the folder again with the wizard"
    )


def user_key(document: Document) -> Literal["scenarios", "simulation_config"]:
    """Where the steps and cameras of a user configuration are.

    Raises:
        UserError: neither or both keys are there.
    """
    keys = [key for key in ("scenarios", "simulation_config") if key in document.plain]
    if keys == ["scenarios"]:
        return "scenarios"
    if keys == ["simulation_config"]:
        return "simulation_config"
    raise UserError(
        f"{document.path} has {'both' if keys else 'neither'} `scenarios` and `simulation_config`,"
        " expected one of them: write the folder again with the wizard"
    )


def scene_set(folder: RunFolder) -> str:
    """Name of the folder below scenesets/ that renderer and physics read.

    Raises:
        UserError: the compose file names none, or several.
    """
    lines = [made.command_line for made in folder.compose.services.values()]
    found: list[str] = sorted({name for line in lines for name in _SET.findall(line)})
    if len(found) != 1:
        raise UserError(
            f"{folder.path / COMPOSE} names the scene sets {', '.join(found) or 'none'}, expected"
            " one in the commands of renderer and physics: write the folder again with the wizard"
        )
    return found[0]


def driver_services(compose: Compose) -> tuple[str, ...]:
    """Names of the containers of the driver."""
    return tuple(sorted(name for name in compose.services if re.fullmatch(r"driver-\d+", name)))


def split_address(address: str) -> tuple[str, int]:
    """Host and port of host:port, [ipv6]:port.

    Raises:
        UserError: it is in another form.
    """
    host, _, port = address.rpartition(":")
    plain = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    # `+` and Arabic digits are integers to Python, and ports to nobody.
    if (
        not re.fullmatch(r"[0-9]{1,5}", port)
        or not 0 < int(port) < 65536
        or not plain
        or (plain == host and ":" in host)
        or not re.fullmatch(r"[\w.:%-]+", plain)
    ):
        raise UserError(f"the address is {address!r}, expected host:port, as 192.168.0.2:6000")
    return plain, int(port)
