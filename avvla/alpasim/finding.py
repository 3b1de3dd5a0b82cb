"""One thing that is wrong, or may be, in a run folder."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning"]


@dataclass(frozen=True)
class Finding:
    """Where, what was got, what was expected, and what to do; an error stops a run."""

    severity: Severity
    file: str
    key: str
    got: str
    expected: str
    fix: str

    def __str__(self) -> str:
        """One line."""
        return (
            f"{self.severity}: {self.file}: {self.key}: got {self.got}, expected {self.expected};"
            f" {self.fix}"
        )


def error(file: str, key: str, got: object, expected: str, fix: str) -> Finding:
    """What makes a run fail or its result another one than was meant."""
    return Finding("error", file, key, str(got), expected, fix)


def warning(file: str, key: str, got: object, expected: str, fix: str) -> Finding:
    """What may be meant."""
    return Finding("warning", file, key, str(got), expected, fix)
