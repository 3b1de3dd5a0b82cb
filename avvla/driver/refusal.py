"""A call that is answered with a gRPC status instead of a result."""

from __future__ import annotations

from grpc import StatusCode


class RefusalError(Exception):
    """The caller's fault, told in one sentence.

    Args:
        code: gRPC's status.
        text: what was got and what was expected.
    """

    def __init__(self, code: StatusCode, text: str) -> None:
        super().__init__(text)
        self.code = code


def invalid(text: str) -> RefusalError:
    """INVALID_ARGUMENT."""
    return RefusalError(StatusCode.INVALID_ARGUMENT, text)


def shown(text: str) -> str:
    """A caller's text as it may stand in a log: quoted, in one short line."""
    return repr(text if len(text) <= 80 else f"{text[:77]}...")
