"""Groups and commands as all of them are declared."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from avvla.cli.examples import EXAMPLES
from avvla.errors import UserError

if TYPE_CHECKING:
    Group = argparse._SubParsersAction[argparse.ArgumentParser]

MANIFEST = Path("data/manifest.json")
LABELS = Path("data/labels")
Rule = tuple[str, object, str, tuple[str, ...]]
"""An option, its default, and the option with the choices that it means something beside."""


def add_group(parent: Group, name: str, summary: str) -> Group:
    """A group of commands."""
    parser = parent.add_parser(name, help=summary, description=f"{name}: {summary}")
    return parser.add_subparsers(metavar="command", required=True)


def add_command(
    parent: Group, name: str, summary: str, run: Callable[[argparse.Namespace], int]
) -> argparse.ArgumentParser:
    """A command with its example; `run` returns its exit code."""
    parser = parent.add_parser(name, help=summary, description=summary)
    parser.epilog = f"example: {parser.prog} {EXAMPLES[parser.prog.partition(' ')[2]]}"
    parser.set_defaults(run=run)
    return parser


def only_beside(arguments: argparse.Namespace, rules: Sequence[Rule]) -> None:
    """Refuse an option that the choices beside it leave without meaning; else set its default.

    Raises:
        UserError: an option is given with a choice that does not know it.
    """
    for option, default, choice, names in rules:
        chosen = getattr(arguments, choice)
        if getattr(arguments, option) is None:
            setattr(arguments, option, default)
        elif chosen not in names:
            told = f"--{choice} is {chosen}" if chosen else f"--{choice} is not given"
            raise UserError(f"--{option} is for --{choice} {' or '.join(names)}, and {told}")


def pair(text: str) -> tuple[str, str]:
    """What is copied from here to there, as an argument.

    Raises:
        argparse.ArgumentTypeError: it is no HERE:THERE.
    """
    here, colon, there = text.rpartition(":")
    if not (here and colon and there):
        raise argparse.ArgumentTypeError(f"{text!r} is no HERE:THERE, as ./setup:/tmp/setup")
    return here, there
