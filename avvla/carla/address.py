"""Where a CARLA server is, and whether anybody listens there.

The client library cannot tell a refused port from a slow server: all ends in a time-out. So both
ports are tried with plain TCP before it is asked.
"""

from __future__ import annotations

import ipaddress
import re
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass

from avvla.errors import UserError

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.25, 4.0
"""Between two probes; each pause is twice the one before, up to the longest."""
TRY_S = 3.0
"""How long one connection may take."""
_PLACEHOLDER = re.compile(r"[<>${}]|ip[-_]?address|your[-_]|example\.(com|org)|^(changeme|host)$")


@dataclass(frozen=True)
class Address:
    """Host and the port of the calls; the streams are on the next."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


def checked(host: str, port: int, *, distributed: bool = False) -> Address:
    """The address, if it can be one.

    Args:
        host: name or address.
        port: of the calls.
        distributed: the server is said to run on another host.

    Raises:
        UserError: the host is a placeholder, cannot be resolved, or is this host's loopback while
            `distributed`; or the port is none that has a next one.
    """
    if not host.strip() or _PLACEHOLDER.search(host.lower()):
        raise UserError(
            f"the CARLA host is {host!r}, a placeholder: set AVVLA_CARLA_HOST (in the compose"
            " files CARLA_SIM_HOST) to the name or address of the machine that runs CARLA"
        )
    check_port(port)
    try:
        found = {
            str(entry[4][0]) for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        }
    except (OSError, UnicodeError):
        raise UserError(
            f"the CARLA host {host!r} cannot be resolved: check its name, or give its address"
        ) from None
    if distributed and all(ipaddress.ip_address(ip.split("%")[0]).is_loopback for ip in found):
        raise UserError(
            f"the CARLA host {host!r} is this host's loopback, expected another machine: set"
            " AVVLA_CARLA_HOST to the machine that runs CARLA"
        )
    return Address(host, port)


def check_port(port: int) -> int:
    """The port, if it can be that of the calls.

    Raises:
        UserError: it is none that has a next one.
    """
    if not 1 <= port <= 65534:
        raise UserError(
            f"the CARLA port is {port}, expected 1 to 65534: streams are on the port after it"
        )
    return port


def problem(address: Address) -> str:
    """What keeps TCP from either port, in words; empty where both accept."""
    for port, use in ((address.port, "calls"), (address.port + 1, "streams")):
        try:
            socket.create_connection((address.host, port), TRY_S).close()
        except ConnectionRefusedError:
            return f"nothing listens at {address.host}:{port} ({use})"
        except TimeoutError:
            return f"{address.host}:{port} ({use}) does not answer: a firewall may drop it"
        except OSError as error:
            return f"{address.host}:{port} ({use}) cannot be reached: {error.strerror or error}"
    return ""


def wait(
    address: Address,
    limit_s: float,
    *,
    dead: Callable[[], str] = lambda: "",
    now: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Wait until both ports accept, asking less and less often.

    Args:
        address: of the server.
        limit_s: how long at most.
        dead: why waiting is of no use any more, or nothing.
        now: the time.
        sleep: waits.

    Raises:
        UserError: they did not in time, or the server is dead.
    """
    end, pause = now() + limit_s, FIRST_PAUSE_S
    while why := problem(address):
        if gone := dead():
            raise UserError(gone)
        if now() + pause > end:
            raise UserError(
                f"no CARLA server at {address} within {limit_s:g} s: {why}; start it there with"
                f" `avvla carla serve-command --port {address.port}`"
            )
        sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE_S)
