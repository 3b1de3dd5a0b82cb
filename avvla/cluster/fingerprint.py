"""What code a result depends on, as one number."""

from __future__ import annotations

import hashlib
from pathlib import Path

import avvla

PACKAGE = Path(avvla.__file__).parent


def source_digest(*patterns: str) -> str:
    """SHA-256 of the names and bytes of avvla's source files that match the glob patterns.

    Raises:
        ValueError: a pattern matches nothing.
    """
    digest = hashlib.sha256()
    for pattern in patterns:
        paths = sorted(PACKAGE.glob(pattern))
        if not paths:
            raise ValueError(f"no source of avvla matches {pattern!r}")
        for path in paths:
            content = path.read_bytes()
            digest.update(f"{path.relative_to(PACKAGE).as_posix()} {len(content)}\n".encode())
            digest.update(content)
    return digest.hexdigest()
