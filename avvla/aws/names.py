"""AWS's identifiers, and which networks count as the whole world. Nothing here asks AWS."""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated

from pydantic import Field

from avvla.errors import UserError
from avvla.record import Record

# Eight hexadecimal digits until 2016, seventeen since.
IMAGE = r"^ami-([0-9a-f]{8}|[0-9a-f]{17})$"
GROUP = r"^sg-([0-9a-f]{8}|[0-9a-f]{17})$"
REGION = r"^[a-z]{2}(-[a-z]+)+-[1-9][0-9]?$"
ZONE = REGION.removesuffix("$") + "[a-z]$"
TYPE = r"^[a-z][a-z0-9-]*\.[a-z0-9-]+$"
NAME = r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$"

WIDEST = {4: 16, 6: 32}
"""Prefix lengths of the widest networks that a rule may let in, by version of IP."""

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Image(Record):
    """What a cluster is started from: all that `avvla aws create-image` leaves behind."""

    image_id: Annotated[str, Field(pattern=IMAGE)]
    region: Annotated[str, Field(pattern=REGION)]
    security_group_id: Annotated[str, Field(pattern=GROUP)]


def matching(what: str, given: str, pattern: str, example: str) -> str:
    """`given`, which has to have the form of `pattern`.

    Raises:
        UserError: it has not.
    """
    if re.fullmatch(pattern.strip("^$"), given) is None:
        raise UserError(f"{what} is {given!r}, expected the form {example}")
    return given


def network(text: str) -> Network:
    """The network of an address, or of an address and a prefix length, as 203.0.113.7/32.

    Raises:
        UserError: it is neither, or as wide as a rule must never be.
    """
    try:
        given = ipaddress.ip_network(text)
    except ValueError:
        raise UserError(
            f"the caller's address is {text!r}, expected one as 203.0.113.7 or a network as"
            " 203.0.113.0/24"
        ) from None
    if is_world(given):
        raise UserError(
            f"the caller's network is {text}, wider than /{WIDEST[given.version]}: a group that"
            " is open to the world is never made"
        )
    return given


def is_world(given: Network) -> bool:
    """Whether a network is so wide that letting it in is letting strangers in."""
    return given.prefixlen < WIDEST[given.version]
