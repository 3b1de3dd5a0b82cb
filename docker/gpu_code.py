"""Which GPUs a CUDA library holds code for, without NVIDIA's tools.

    python docker/gpu_code.py /opt/avvla/lib/python3.13/site-packages/torch/lib/libtorch_cuda.so

Prints a line for each architecture: `sm_120 ELF 812` is machine code for it, in 812 pieces;
`compute_120 PTX 3` is code that the driver compiles for it and later ones. A library may hold any
number of containers: a header (magic u32, version u16, size of the header u16, size of the content
u64), then entries, each with a header (kind u16, version u16, size of the header u32, size of the
content u64, ..., architecture u32 at byte 28).
"""

from __future__ import annotations

import mmap
import struct
import sys
from collections import Counter
from pathlib import Path

MAGIC = (0xBA55ED50).to_bytes(4, "little")
CONTAINER = struct.Struct("<IHHQ")
ENTRY = struct.Struct("<HHIQ")
ARCHITECTURE = 28
LEAST = 32
"""Bytes of an entry's header that hold all that is read here."""
KINDS = {1: "PTX", 2: "ELF"}


def architectures(library: bytes | mmap.mmap) -> Counter[tuple[int, str]]:
    """The number of pieces by architecture (120 for sm_120) and kind."""
    found: Counter[tuple[int, str]] = Counter()
    place = library.find(MAGIC)
    while place >= 0:
        content = _content(library, place)
        for entry in _entries(library, *content) if content else ():
            found[entry] += 1
        place = library.find(MAGIC, content[1] if content else place + len(MAGIC))
    return found


def _content(library: bytes | mmap.mmap, place: int) -> tuple[int, int] | None:
    """Begin and end of what a container holds; None where the magic is there by chance."""
    if place + CONTAINER.size > len(library):
        return None
    _, _, header, size = CONTAINER.unpack_from(library, place)
    begin = place + header
    if header != CONTAINER.size or not size or begin + size > len(library):
        return None
    return begin, begin + size


def _entries(library: bytes | mmap.mmap, place: int, end: int) -> list[tuple[int, str]]:
    found = []
    while place + LEAST <= end:
        kind, _, header, size = ENTRY.unpack_from(library, place)
        if kind not in KINDS or header < LEAST:
            break
        (architecture,) = struct.unpack_from("<I", library, place + ARCHITECTURE)
        found.append((architecture, KINDS[kind]))
        place += header + size
    return found


def main(paths: list[str]) -> int:
    if not paths:
        print(__doc__, file=sys.stderr)
        return 2
    for path in paths:
        if not Path(path).is_file() or not Path(path).stat().st_size:
            print(f"gpu_code: {path} is no library", file=sys.stderr)
            return 1
        with (
            Path(path).open("rb") as file,
            mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content,
        ):
            found = architectures(content)
        if not found:
            print(f"gpu_code: {path} holds no code for a GPU", file=sys.stderr)
            return 1
        for (architecture, kind), pieces in sorted(found.items()):
            prefix = "sm" if kind == "ELF" else "compute"
            print(f"{prefix}_{architecture} {kind} {pieces}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
