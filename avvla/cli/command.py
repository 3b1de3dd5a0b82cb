"""Groups and commands as all of them are declared."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from avvla.cli.examples import EXAMPLES
from avvla.errors import UserError

if TYPE_CHECKING:
    Group = argparse._SubParsersAction[argparse.ArgumentParser]

MANIFEST = Path("data/manifest.json")
LABELS = Path("data/labels")
Rule = tuple[str, object, str, tuple[str, ...]]
"""An option, its default, and the option with the choices that it means something beside."""


class Parser(argparse.ArgumentParser):
    """A parser that may take what follows `--` as it is: the arguments of somebody else's script.

    argparse alone takes them only where no option of ours stands between the script and `--`.
    """

    passes_on: str | None = None
    """Name under which they are kept."""

    def parse_known_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: Any = None
    ) -> tuple[Any, list[str]]:
        """As argparse's."""
        if self.passes_on is None or args is None or "--" not in args:
            return super().parse_known_args(args, namespace)
        at = list(args).index("--")
        known, unknown = super().parse_known_args(args[:at], namespace)
        getattr(known, self.passes_on).extend(args[at + 1 :])
        return known, unknown


def add_script(parser: argparse.ArgumentParser, help: str) -> None:
    """A script that the command runs elsewhere, and its arguments."""
    assert isinstance(parser, Parser)
    parser.add_argument("script", type=Path, metavar="SCRIPT", help=help)
    parser.add_argument(
        "arguments", nargs="*", default=[], metavar="ARG", help="its arguments; options after --"
    )
    parser.passes_on = "arguments"


def port(text: str) -> int:
    """A port as an argument.

    Raises:
        argparse.ArgumentTypeError: it is none.
    """
    if not (text.isascii() and text.isdecimal() and 0 < int(text) < 65536):
        raise argparse.ArgumentTypeError(f"{text!r} is no port, expected 1 to 65535")
    return int(text)


def add_group(parent: Group, name: str, summary: str) -> Group:
    """A group of commands."""
    parser = parent.add_parser(name, help=summary, description=summary)
    parser.epilog = f"`{parser.prog} COMMAND --help` has the options of a command and an example."
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
