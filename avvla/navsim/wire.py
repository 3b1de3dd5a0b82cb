"""Messages between the devkit's process and the driver's: named arrays through a pipe.

    8 bytes, big-endian: length N        N bytes: an npz archive

Nothing is pickled, so neither side can make the other run code, and versions of numpy may differ.
Python 3.9 reads this module.
"""

from __future__ import annotations

import io
import struct
import zipfile
from typing import IO, Any

import numpy as np

LENGTH = struct.Struct(">Q")
MOST_BYTES = 1 << 28
"""Far more than a camera image; a longer message is not one of ours."""


def send(stream: IO[bytes], **arrays: Any) -> None:
    """Write one message of arrays, or of what numpy makes arrays of.

    Raises:
        ValueError: one is no array of numbers or text, as where a sensor is None.
        OSError: the other side is gone.
    """
    made = {name: np.asarray(value) for name, value in arrays.items()}
    for name, array in made.items():
        if array.dtype.hasobject:
            raise ValueError(f"{name} is {arrays[name]!r}, expected an array of numbers or a text")
    body = io.BytesIO()
    np.savez(body, **made)  # type: ignore[arg-type]  # a name is none of its own options
    stream.write(LENGTH.pack(body.tell()) + body.getbuffer())
    stream.flush()


def receive(stream: IO[bytes]) -> dict[str, Any] | None:
    """Read one message; None where the other side has ended.

    Raises:
        ValueError: it is cut off, too long or no archive of arrays.
    """
    head = stream.read(LENGTH.size)
    if not head:
        return None
    if len(head) < LENGTH.size:
        raise ValueError(f"a message ends after {len(head)} bytes of its length")
    (length,) = LENGTH.unpack(head)
    if length > MOST_BYTES:
        raise ValueError(f"a message has {length} bytes, expected {MOST_BYTES} at most")
    body = stream.read(length)
    if len(body) < length:
        raise ValueError(f"a message ends after {len(body)} of {length} bytes")
    try:
        with np.load(io.BytesIO(body), allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except (zipfile.BadZipFile, OSError, ValueError, KeyError, AttributeError) as error:
        raise ValueError(f"a message is no archive of arrays ({error})") from None
