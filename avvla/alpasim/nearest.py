"""What a person may have meant."""

from __future__ import annotations

import difflib
from collections.abc import Sequence


def nearest(given: str, known: Sequence[str]) -> str:
    """The end of a sentence about an unknown name: the nearest known one, or a few of them."""
    by_lower = {name.lower(): name for name in known}
    close = difflib.get_close_matches(given.lower(), by_lower, 1, 0.6)
    if close:
        return f": did you mean {by_lower[close[0]]!r}?"
    listed = ", ".join(sorted(set(known))[:8])
    return (
        f", expected {'one of ' if len(set(known)) > 1 else ''}{listed or 'none: there are none'}"
    )
