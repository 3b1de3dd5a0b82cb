"""`avvla doctor`."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from avvla.cli.command import add_command

if TYPE_CHECKING:
    from avvla.cli.command import Group


def add(top: Group) -> None:
    """The command."""
    add_command(top, "doctor", "what this host can run, and what it lacks", _doctor)


def _doctor(_: argparse.Namespace) -> int:
    from avvla.doctor import report
    from avvla.probe import probe

    return report(probe())
