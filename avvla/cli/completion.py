"""`avvla completion`."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from avvla.cli.command import add_command

if TYPE_CHECKING:
    from avvla.cli.command import Group

SHELLS = ("bash", "zsh", "tcsh")


def add(top: Group) -> None:
    """The command."""
    completion = add_command(
        top, "completion", "print what makes a shell complete these commands", _completion
    )
    completion.add_argument("shell", choices=SHELLS, help="the shell")


def _completion(arguments: argparse.Namespace) -> int:
    import shtab

    from avvla.cli import parser

    print(shtab.complete(parser(), arguments.shell))
    return 0
