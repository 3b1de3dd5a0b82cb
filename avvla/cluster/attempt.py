"""One chunk's work where it runs: tried again after a passing fault, bad input put into words.

A passing fault is an OSError of the network or of a remote file system, also where it is the cause
of another error. It is waited out: 1, 2, 4 s. Every other error would only come again.
"""

from __future__ import annotations

import errno
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from avvla.errors import UserError

TRIES = 4
"""Calls of a step, the first one included, before a passing fault is taken for a lasting one."""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 30.0

_PASSING = frozenset(
    {
        errno.EAGAIN,
        errno.EBUSY,
        errno.ECONNABORTED,
        errno.ECONNREFUSED,
        errno.ECONNRESET,
        errno.EHOSTDOWN,
        errno.EHOSTUNREACH,
        errno.EIO,
        errno.ENETDOWN,
        errno.ENETRESET,
        errno.ENETUNREACH,
        errno.ENOLCK,
        errno.EPIPE,
        errno.EREMOTEIO,
        errno.ESTALE,
        errno.ETIMEDOUT,
    }
)
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Outcome:
    """What became of a chunk: a step's result, or the problem that a person has to solve."""

    result: Any = None
    problem: str | None = None


def attempt(step: Callable[[int], Any], chunk: int) -> Outcome:
    """Call `step(chunk)`; every error but a UserError and a passing fault is raised as it is."""
    for number in range(TRIES):
        try:
            return Outcome(step(chunk))
        except (OSError, UserError) as error:
            if not passing(error):
                if isinstance(error, UserError):
                    return Outcome(problem=str(error))
                raise
            problem = f"{type(error).__name__}: {error}"
            if number + 1 < TRIES:
                _log.warning("chunk %04d: %s; trying again in %g s", chunk, problem, pause(number))
                time.sleep(pause(number))
    return Outcome(problem=f"{problem} ({TRIES} times)")


def passing(error: BaseException) -> bool:
    """Whether an error, or one that it came from, is a fault of a network or file system."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ConnectionError | TimeoutError):
            return True
        if isinstance(cause, OSError) and cause.errno in _PASSING:
            return True
        cause = cause.__cause__ or cause.__context__
    return False


def pause(number: int) -> float:
    """Seconds to wait after the failed try `number` = 0, 1, ..."""
    return min(FIRST_PAUSE_S * 2.0**number, LONGEST_PAUSE_S)
