"""Ray's token: a secret that every node has, and whoever talks to the cluster."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from avvla.errors import UserError
from avvla.files import replacing


def ensure_token(path: Path) -> bool:
    """Have a token in a file of mode 0600; whether it was made now. It is never shown.

    Raises:
        UserError: the file is empty, is for others to read, or cannot be written.
    """
    path = path.expanduser()
    try:
        if path.exists():
            _require_private(path)
            return False
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with replacing(path) as temporary:
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w") as file:
                file.write(secrets.token_hex(32))
    except OSError as error:
        raise UserError(
            f"the token {path} cannot be used ({error.strerror}): render the file with another"
            " --token"
        ) from None
    return True


def _require_private(path: Path) -> None:
    if not path.read_bytes().strip():
        raise UserError(f"the token {path} is empty: remove it, and a new one is made")
    if path.stat().st_mode & 0o077:
        raise UserError(f"the token {path} is for others to read: `chmod 600 {path}`")
