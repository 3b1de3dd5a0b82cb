"""The messages of the wire, made when they are first asked for from the .proto files beside.

They live in a descriptor pool of their own: other software in this process may bring its own
`egodriver` package.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Any

from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import DecodeError
from google.protobuf.message_factory import GetMessageClass

from avvla.driver.schema import parse

FILES = ("common", "sensorsim", "egodriver", "health", "reflection")
"""Each after those that it imports."""
DRIVER = "egodriver.EgodriverService"


def address(host: str, port: int) -> str:
    """As gRPC wants it; an IPv6 address stands in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


@cache
def pool() -> DescriptorPool:
    """All messages and services."""
    made = DescriptorPool()
    folder = files("avvla.driver") / "proto"
    for name in FILES:
        text = (folder / f"{name}.proto").read_text("utf-8")
        made.AddSerializedFile(parse(f"{name}.proto", text).SerializeToString())
    return made


@cache
def message(name: str) -> Any:
    """The class of the message with this full name, such as `egodriver.DriveRequest`.

    Raises:
        KeyError: there is none.
    """
    return GetMessageClass(pool().FindMessageTypeByName(name))


def methods(service: str) -> Sequence[Any]:
    """The descriptors of a service's methods.

    Raises:
        KeyError: there is no such service.
    """
    found: Sequence[Any] = pool().FindServiceByName(service).methods
    return found


def read(name: str, data: bytes) -> Any:
    """The message `name` of its bytes.

    Raises:
        ValueError: they are not of such a message.
    """
    try:
        return message(name).FromString(data)
    except DecodeError:
        raise ValueError(f"{len(data)} bytes are no {name}") from None
