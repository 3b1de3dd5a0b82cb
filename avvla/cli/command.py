"""Groups and commands as all of them are declared."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from avvla.cli.examples import EXAMPLES

if TYPE_CHECKING:
    Group = argparse._SubParsersAction[argparse.ArgumentParser]

MANIFEST = Path("data/manifest.json")
LABELS = Path("data/labels")


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


def pair(text: str) -> tuple[str, str]:
    """What is copied from here to there, as an argument.

    Raises:
        argparse.ArgumentTypeError: it is no HERE:THERE.
    """
    here, colon, there = text.rpartition(":")
    if not (here and colon and there):
        raise argparse.ArgumentTypeError(f"{text!r} is no HERE:THERE, as ./setup:/tmp/setup")
    return here, there
