"""What an import found in each episode file, as people are told it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from avvla.errors import UserError

NAMED = 3
"""Files, or frames, that a message names at most."""


@dataclass(frozen=True)
class FrameFault:
    """A frame that cannot be used, and why; see `avvla.hdf5.episode.Fault`."""

    frame: int
    kind: str
    detail: str


@dataclass(frozen=True)
class Finding:
    """A file: its frames, its cameras with their layout, what is wrong.

    `problem` is why the whole file cannot be used, or empty.
    """

    path: str
    frames: int = 0
    cameras: dict[str, str] = field(default_factory=dict)
    faults: tuple[FrameFault, ...] = ()
    problem: str = ""


def alike(findings: Sequence[Finding]) -> list[Finding]:
    """The findings, a file whose cameras are not those of the first usable one with a problem."""
    usable = [finding for finding in findings if not finding.problem]
    if not usable:
        return list(findings)
    first = usable[0]
    return [
        finding
        if finding.problem or sorted(finding.cameras) == sorted(first.cameras)
        else Finding(
            path=finding.path,
            problem=f"{finding.path} has the cameras {', '.join(sorted(finding.cameras))},"
            f" {first.path} has {', '.join(sorted(first.cameras))}: name those to use in"
            " dataset.hdf5.cameras",
        )
        for finding in findings
    ]


def require_usable(findings: Sequence[Finding], max_faulty: float) -> None:
    """Refuse files that cannot be used, and more faulty frames than the share `max_faulty`.

    Raises:
        UserError: one line that names files and frames.
    """
    problems = [finding.problem for finding in findings if finding.problem]
    if problems:
        raise UserError(
            f"{len(problems)} of {len(findings)} files cannot be used: {_few(problems)}; `avvla"
            " data import-hdf5 FOLDER` lists all"
        )
    told, frames = faults(findings), sum(finding.frames for finding in findings)
    if len(told) > max_faulty * frames:
        raise UserError(
            f"{len(told)} of {frames} frames cannot be used, more than the share"
            f" dataset.hdf5.max_faulty = {max_faulty}: {_few(told)}; `avvla data import-hdf5"
            " FOLDER` lists all; move the files away, or allow more"
        )


def faults(findings: Sequence[Finding]) -> list[str]:
    """Every faulty frame with its file and what is wrong with it."""
    return [
        f"{finding.path} frame {fault.frame}: {fault.detail}"
        for finding in findings
        for fault in finding.faults
    ]


def table(findings: Sequence[Finding]) -> list[str]:
    """Lines for a terminal: a row for each file, then everything that is wrong."""
    rows = [("frames", "faulty", "pictures", "file")]
    for finding in findings:
        layouts = "+".join(sorted(set(finding.cameras.values())))
        pictures = f"{len(finding.cameras)} x {layouts}" if finding.cameras else "-"
        faulty = "all" if finding.problem else str(len(finding.faults))
        rows.append((str(finding.frames), faulty, pictures, finding.path))
    width = max(len(row[2]) for row in rows)
    lines = [f"{row[0]:>7} {row[1]:>7}  {row[2]:<{width}}  {row[3]}" for row in rows]
    problems = [finding.problem for finding in findings if finding.problem]
    return lines + problems + faults(findings)


def _few(sentences: Sequence[str]) -> str:
    rest = len(sentences) - NAMED
    return "; ".join([*sentences[:NAMED], *([f"and {rest} more"] if rest > 0 else [])])
