"""`avvla driver`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from avvla.cli.command import add_command, add_group, only_beside
from avvla.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Callable

    from avvla.cli.command import Group
    from avvla.driver.scene import Planner
    from avvla.driver.sight import Sight

POLICIES = ("smolvla", "route_follower", "constant_velocity", "replay")
CAMERA = "camera_front_wide_120fov"
CRUISE_MPS = 10.0
NO_CHECKPOINT = "smolvla needs --checkpoint, a folder written by `dvc repro train`"
ONLY = (
    ("checkpoint", None, "policy", ("smolvla",)),
    ("camera", CAMERA, "policy", ("smolvla",)),
    ("cruise", CRUISE_MPS, "policy", ("route_follower",)),
)


def add(top: Group) -> None:
    """The group."""
    driver = add_group(top, "driver", "drive in a simulator that asks over gRPC (Alpasim)")
    serve = add_command(driver, "serve", "answer a simulator until stopped", _serve)
    serve.add_argument("--policy", choices=POLICIES, required=True, help="who drives")
    serve.add_argument(
        "--checkpoint", type=Path, metavar="DIR", help="of smolvla: a folder that training wrote"
    )
    serve.add_argument(
        "--camera",
        metavar="NAME",
        help=f"of smolvla: the front wide camera (default: {CAMERA})",
    )
    serve.add_argument(
        "--batch",
        type=_count,
        default=16,
        metavar="N",
        help="most sessions planned at once (default: %(default)s)",
    )
    serve.add_argument(
        "--cruise",
        type=_speed,
        metavar="MPS",
        help=f"of route_follower: speed on a straight (default: {CRUISE_MPS:g} m/s)",
    )
    serve.add_argument(
        "--host",
        default="127.0.0.1",
        help="address to listen at; 0.0.0.0 for a simulator on another host. The protocol knows no"
        " passwords: only in a network of your own (default: %(default)s)",
    )
    serve.add_argument(
        "--port", type=_port, default=6000, help="0 takes a free one (default: %(default)s)"
    )
    serve.add_argument(
        "--exit-on-shut-down",
        action="store_true",
        help="end when the simulator calls shut_down, which it may do after every run",
    )
    health = add_command(driver, "health", "ask a driver whether it serves", _health)
    health.add_argument("--host", default="127.0.0.1", help="where it is (default: %(default)s)")
    health.add_argument("--port", type=_port, default=6000, help="its own (default: %(default)s)")


def _port(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and int(text) < 65536):
        raise argparse.ArgumentTypeError(f"{text!r} is no port, expected 0 to 65535")
    return int(text)


def _count(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and int(text) > 0):
        raise argparse.ArgumentTypeError(f"{text!r} is no count, expected 1 or more")
    return int(text)


def _speed(text: str) -> float:
    try:
        speed = float(text)
    except ValueError:
        speed = -1.0
    if not 0 < speed <= 50:
        raise argparse.ArgumentTypeError(f"{text!r} is no speed, expected up to 50 m/s")
    return speed


def _serve(arguments: argparse.Namespace) -> int:
    import asyncio
    import logging
    import signal

    from avvla.driver.server import serve

    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", level=logging.INFO)
    planner, sight = _planner(arguments)
    log = logging.getLogger("avvla.driver")
    ended: list[int] = []

    def ready(port: int, stop: Callable[[], None]) -> None:
        def end(number: int) -> None:
            ended.append(number)
            stop()

        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, end, number)
        log.info("%s listens at %s:%d", arguments.policy, arguments.host, port)

    asyncio.run(
        serve(
            planner,
            arguments.host,
            arguments.port,
            sight=sight,
            batch=arguments.batch,
            exit_on_shut_down=arguments.exit_on_shut_down,
            ready=ready,
        )
    )
    log.info("ended")
    return 130 if signal.SIGINT in ended else 0


def _health(arguments: argparse.Namespace) -> int:
    from avvla.driver import health, wire

    address = wire.address(arguments.host, arguments.port)
    health.ask(address)
    print(f"{address} serves")
    return 0


def _planner(arguments: argparse.Namespace) -> tuple[Planner, Sight | None]:
    from avvla.driver import canaries

    only_beside(arguments, ONLY)
    if arguments.policy == "smolvla":
        return _field_agent(arguments)
    if arguments.policy == "route_follower":
        return canaries.RouteFollower(arguments.cruise), None
    return (
        canaries.Replay() if arguments.policy == "replay" else canaries.ConstantVelocity()
    ), None


def _field_agent(arguments: argparse.Namespace) -> tuple[Planner, Sight]:
    if arguments.checkpoint is None:
        raise UserError(NO_CHECKPOINT)
    from avvla import host
    from avvla.driver.field_agent import FieldAgent
    from avvla.driver.sight import Sight
    from avvla.policy import driver

    agent = driver.FieldAgent(arguments.checkpoint, host.device())
    return FieldAgent(agent), Sight(arguments.camera, agent.crop, agent.image_size)
