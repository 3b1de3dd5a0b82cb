"""Names that a server does not know."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from avvla.errors import UserError

SHOWN = 8


def unknown(what: str, name: str, known: Sequence[str]) -> UserError:
    """That there is no such name, with the nearest one or some that there are."""
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    some = ", ".join(sorted(known)[:SHOWN]) + (", ..." if len(known) > SHOWN else "")
    return UserError(
        f"unknown {what} {name!r}; " + (f"did you mean {near[0]!r}?" if near else f"known: {some}")
    )
