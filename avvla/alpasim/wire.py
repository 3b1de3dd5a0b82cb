"""Protobuf's wire format, as much as logs and a version need: no descriptors, nothing is copied.

A message is a list of numbered fields, each a varint (kind 0), 8 bytes (1), a length and that many
bytes (2), or 4 bytes (5); the format is specified by Protocol Buffers, "Encoding". The messages are
read by field numbers that their readers name.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from avvla.errors import UserError

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
_LONGEST_VARINT = 10


class DamagedError(Exception):
    """Bytes that are no message."""


class Message:
    """The fields of a message by number; a repeated field has several values.

    A value is an int (varint), or bytes: 4 or 8 of a fixed number, or the content of a field.
    """

    def __init__(self, content: bytes | memoryview) -> None:
        """Raises DamagedError where the bytes are no message."""
        self.fields: dict[int, list[int | memoryview]] = {}
        for number, value in fields(memoryview(content)):
            self.fields.setdefault(number, []).append(value)

    def all(self, number: int) -> list[memoryview]:
        """The contents of a repeated field."""
        return [value for value in self.fields.get(number, ()) if isinstance(value, memoryview)]

    def last(self, number: int, absent: bytes) -> bytes | memoryview:
        """The content of a field, the last one counts; `absent` if there is none."""
        found = self.all(number)
        return found[-1] if found else absent

    def child(self, number: int) -> Message:
        """A message in a field, empty if there is none."""
        return Message(self.last(number, b""))

    def text(self, number: int) -> str:
        """A string, "" if there is none; what is no UTF-8 is shown as such."""
        return bytes(self.last(number, b"")).decode("utf-8", "backslashreplace")

    def integer(self, number: int) -> int:
        """An unsigned varint or fixed number, 0 if there is none."""
        found = self.fields.get(number, [0])[-1]
        return found if isinstance(found, int) else int.from_bytes(found[:8], "little")

    def real(self, number: int) -> float:
        """A float or double, 0 if there is none."""
        content = bytes(self.last(number, b""))
        if not content:
            return 0.0
        if len(content) not in (4, 8):
            raise DamagedError(f"field {number} has {len(content)} bytes, expected 4 or 8")
        value: float = struct.unpack("<f" if len(content) == 4 else "<d", content)[0]
        return value


def message(content: bytes | memoryview, what: str) -> Message:
    """A message from outside.

    Raises:
        UserError: the bytes are none.
    """
    try:
        return Message(content)
    except DamagedError as error:
        raise UserError(f"{what} is damaged ({error}), expected a protobuf message") from None


def fields(content: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """The fields of a message in their order.

    Raises:
        DamagedError: the bytes end within a field, or a kind is unknown.
    """
    at, end = 0, len(content)
    while at < end:
        tag, at = varint(content, at)
        number, kind = tag >> 3, tag & 7
        if number == 0:
            raise DamagedError(f"field 0 at byte {at}")
        if kind == VARINT:
            value, at = varint(content, at)
            yield number, value
            continue
        if kind == BYTES:
            size, at = varint(content, at)
        elif kind in (FIXED64, FIXED32):
            size = 8 if kind == FIXED64 else 4
        else:
            raise DamagedError(f"kind {kind} of field {number} at byte {at}")
        if at + size > end:
            raise DamagedError(f"field {number} has {size} bytes, {end - at} are left")
        yield number, content[at : at + size]
        at += size


def varint(content: memoryview | bytes, at: int) -> tuple[int, int]:
    """The varint at a place, and the place after it.

    Raises:
        DamagedError: it does not end, or is longer than 64 bits.
    """
    value = 0
    for shift in range(_LONGEST_VARINT):
        if at >= len(content):
            raise DamagedError("the bytes end within a number")
        byte = content[at]
        at += 1
        value |= (byte & 0x7F) << (7 * shift)
        if byte < 0x80:
            if value >> 64:
                break
            return value, at
    raise DamagedError("a number of more than 64 bits")
