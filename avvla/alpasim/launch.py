"""What has to run on a host for a run folder, and in which order: a plan of commands.

The stock services come first, each waited for at its port; the driver has to answer before the
runtime, which asks it once and gives up; evaluation and aggregation follow where the version has
them as containers of their own. `docker compose` never starts what is not named here, so a driver
on the other host gets no double.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from avvla.alpasim.run_folder import (
    COMPOSE,
    Role,
    RunFolder,
    driver_services,
    split_address,
)
from avvla.errors import UserError

Command = tuple[str, ...]
_NOT_AT_START = re.compile(r"(driver|runtime|eval|post_eval_aggregation)-\d+")


@dataclass(frozen=True)
class Plan:
    """Commands by phase; a phase without one is not needed."""

    start: Command
    """Services that the run needs, in the background; () where there are none."""
    ports: tuple[str, ...]
    """host:port of each of them, to be waited for."""
    drivers: tuple[str, ...]
    """host:port of the drivers that have to answer."""
    run: Command
    """Ends when the simulation, or the driver, does."""
    after: tuple[Command, ...]
    """Evaluation and aggregation."""
    stop: Command

    def lines(self) -> list[str]:
        """The commands with what is waited for between them, for people."""
        waits = [f"# wait until {place} accepts connections" for place in self.ports]
        waits += [f"# wait until the driver at {place} answers" for place in self.drivers]
        commands = [_shell(self.start)] if self.start else []
        return [
            *commands,
            *waits,
            _shell(self.run),
            *map(_shell, self.after),
            *([_shell(self.stop)] if self.stop else []),
        ]


def plan(folder: RunFolder, role: Role, serve: Sequence[str] | None = None) -> Plan:
    """The plan of a host; `serve` is what `avvla driver serve` gets, None for the stock driver.

    Raises:
        UserError: the folder has no runtime, or no driver that could be started.
    """
    return _simulation(folder) if role == "sim" else _driver(folder, serve)


def _simulation(folder: RunFolder) -> Plan:
    services = folder.compose.services
    runtimes = sorted(name for name in services if re.fullmatch(r"runtime-\d+", name))
    if not runtimes:
        raise UserError(
            f"{folder.path / COMPOSE} has the services {', '.join(sorted(services)) or 'none'},"
            " expected a runtime: write the folder again with the wizard"
        )
    start = sorted(name for name in services if not _NOT_AT_START.fullmatch(name))
    profiles = folder.layout.evaluation == "profiles"
    evaluations = sorted(name for name in services if re.fullmatch(r"eval-\d+", name))
    aggregations = sorted(
        name for name in services if re.fullmatch(r"post_eval_aggregation-\d+", name)
    )
    after = [
        _compose(folder.path, profile if profiles else None, "up", "--no-deps", *names)
        for profile, names in (("eval", evaluations), ("aggregation", aggregations))
        if names
    ]
    sim = "sim" if profiles else None
    ports = tuple(
        place
        for name, service in sorted(folder.network.services.items())
        if name != "driver"
        for place in service.places
    )
    # A replica in a bridge has a name that only containers can resolve: nothing to wait for here.
    here = tuple(place for place in ports if split_address(place)[0] in ("localhost", "127.0.0.1"))
    return Plan(
        start=_compose(folder.path, sim, "up", "--detach", "--no-deps", *start) if start else (),
        ports=here,
        drivers=folder.driver_addresses,
        run=_compose(
            folder.path, sim, "up", "--no-deps", "--exit-code-from", runtimes[0], *runtimes
        ),
        after=tuple(after),
        stop=_compose(folder.path, sim, "stop", *start, *runtimes),
    )


def _driver(folder: RunFolder, serve: Sequence[str] | None) -> Plan:
    if serve is not None:
        ports = {split_address(address)[1] for address in folder.driver_addresses}
        if len(ports) != 1:
            raise UserError(
                f"the drivers of {folder.path} have the ports {sorted(ports)}, expected one:"
                " `avvla alpasim configure` names one driver"
            )
        where = ("--host", "0.0.0.0", "--port", str(ports.pop()))
        return Plan((), (), (), ("avvla", "driver", "serve", *serve, *where), (), ())
    names = driver_services(folder.compose)[:1]
    if not names:
        raise UserError(f"{folder.path / COMPOSE} has no stock driver: serve ours with --policy")
    sim = "sim" if folder.layout.evaluation == "profiles" else None
    run = _compose(folder.path, sim, "up", "--no-deps", *names)
    return Plan((), (), (), run, (), _compose(folder.path, sim, "stop", *names))


def _compose(run: Path, profile: str | None, *rest: str) -> Command:
    chosen = () if profile is None else ("--profile", profile)
    return ("docker", "compose", "--file", str(run / COMPOSE), *chosen, *rest)


def _shell(command: Command) -> str:
    import shlex

    return shlex.join(command)
