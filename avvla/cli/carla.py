"""`avvla carla`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from avvla.cli.command import add_command, add_group

if TYPE_CHECKING:
    from avvla.cli.command import Group

FOLDER = Path("docker")


def add(top: Group) -> None:
    """The group."""
    carla = add_group(top, "carla", "CARLA, here or on another host")
    doctor = add_command(
        carla, "doctor", "whether the server can be driven in, and what keeps it", _doctor
    )
    doctor.add_argument("--host", help="of the server (default: $AVVLA_CARLA_HOST, else 127.0.0.1)")
    doctor.add_argument(
        "--port", type=int, help="of its calls (default: $AVVLA_CARLA_PORT, else 2000)"
    )
    doctor.add_argument(
        "--distributed", action="store_true", help="the server has to be another machine"
    )
    doctor.add_argument(
        "--timeout", type=float, default=10.0, metavar="S", help="of its answer (default: 10)"
    )
    doctor.add_argument(
        "--allow-version-mismatch", action="store_true", help="other versions are only a warning"
    )
    serve = add_command(
        carla, "serve-command", "print what to run on the machine that has the GPU", _serve_command
    )
    serve.add_argument("--port", type=int, default=2000, help="of its calls (default: %(default)s)")
    serve.add_argument(
        "--quality",
        choices=("Low", "Epic"),
        default="Low",
        help="of the pictures (default: %(default)s)",
    )
    serve.add_argument("--docker", action="store_true", help="as a container")
    compose = add_group(carla, "compose", "the agent and CARLA in containers")
    render = add_command(compose, "render", "print or write a compose file", _render)
    render.add_argument("--distributed", action="store_true", help="the server is on another host")
    render.add_argument(
        "--output", type=Path, metavar="FILE", help="write it there, not to the screen"
    )
    check = add_command(
        compose, "check", "whether both files differ in the server alone", _compose_check
    )
    check.add_argument(
        "--folder",
        type=Path,
        default=FOLDER,
        metavar="DIR",
        help="that both are in (default: %(default)s)",
    )


def _doctor(arguments: argparse.Namespace) -> int:
    from avvla import host
    from avvla.carla.settings import Server
    from avvla.cli.carla_doctor import Wanted, checks
    from avvla.doctor import show
    from avvla.errors import UserError

    if not 0 < arguments.timeout < float("inf"):
        raise UserError(f"--timeout is {arguments.timeout:g}, expected more than 0 s")
    default = Server()
    wanted = Wanted(
        host=_told(arguments.host, host.carla_host(), default.host),
        port=_told(arguments.port, host.carla_port(), default.port),
        distributed=arguments.distributed,
        timeout_s=arguments.timeout,
        allow_version_mismatch=arguments.allow_version_mismatch,
    )
    rows = checks(wanted)
    show("CARLA", rows)
    return int(any(row.verdict == "missing" for row in rows))


def _told[T](option: T | None, variable: T | None, default: T) -> T:
    """The first that was given; an option that is empty was given."""
    return next(value for value in (option, variable, default) if value is not None)


def _serve_command(arguments: argparse.Namespace) -> int:
    import shlex

    from avvla.carla.address import check_port
    from avvla.carla.compose import CARLA_VERSION
    from avvla.carla.server import serve_command

    port = check_port(arguments.port)
    words = serve_command(port, arguments.quality, docker=arguments.docker, version=CARLA_VERSION)
    print(f"# CARLA {CARLA_VERSION}; let this host reach TCP {port} and {port + 1} there")
    print(shlex.join(words) if arguments.docker else '"$CARLA_ROOT"/' + shlex.join(words))
    print(f"# then here: avvla carla doctor --distributed --port {port} --host, and its address")
    return 0


def _render(arguments: argparse.Namespace) -> int:
    from avvla.carla.compose import render
    from avvla.results import write_text

    text = render(arguments.distributed)
    if arguments.output is None:
        print(text, end="")
    else:
        write_text(arguments.output, text)
        print(f"{arguments.output}: written")
    return 0


def _compose_check(arguments: argparse.Namespace) -> int:
    from avvla.carla.compose import DISTRIBUTED, SHARED, differences, resolved
    from avvla.errors import UserError

    files = [arguments.folder / name for name in (SHARED, DISTRIBUTED)]
    found = differences(*map(resolved, files))
    if found:
        raise UserError(
            f"{files[0]} and {files[1]} differ where they may not: {'; '.join(found)}; write them"
            " again with `avvla carla compose render`"
        )
    print(f"{files[0]} and {files[1]} differ in the server alone")
    return 0
