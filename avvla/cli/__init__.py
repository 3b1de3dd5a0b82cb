"""The `avvla` command: argparse over the library, a module for each group of commands.

argparse instead of a library that derives flags from types, because help has to come at once: it
takes 0.05 s, tyro 0.35 s. For the same reason a command imports what it needs when it runs.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from avvla.cli import (
    actions,
    agent,
    alpasim,
    aws,
    carla,
    cluster,
    completion,
    data,
    doctor,
    driver,
    labels,
    navsim,
    pdm,
    policy,
    rl,
)
from avvla.cli.command import Parser
from avvla.errors import UserError

GROUPS = (
    doctor,
    actions,
    data,
    labels,
    policy,
    pdm,
    navsim,
    agent,
    driver,
    alpasim,
    carla,
    rl,
    cluster,
    aws,
    completion,
)
"""In the order of the help."""
EXIT_CODES = (
    "Exit codes: 0 done, 1 bad input or a finding (told in one line), 2 wrong usage,"
    " 130 interrupted, 141 the reader of the output is gone; `aws exec` and `cluster` end with the"
    " code of what they run."
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code.

    Raises:
        SystemExit: help was asked for (code 0) or the usage is wrong (code 2).
    """
    arguments = parser().parse_args(argv)
    try:
        code: int = arguments.run(arguments)
        sys.stdout.flush()
    except UserError as error:
        print(f"avvla: {' '.join(str(error).split())}", file=sys.stderr)
        return 1
    except ModuleNotFoundError as error:
        # A module of our own that is missing is a defect; a library may be left out of an image.
        if (error.name or "avvla").split(".")[0] == "avvla":
            raise
        print(
            f"avvla: this needs the library {error.name}, which is not installed here: run `make"
            " setup`, or use the image that has it (docs/images.md)",
            file=sys.stderr,
        )
        return 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # The interpreter flushes once more at exit, which would print the same error.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except OSError as error:
        # A full disk, a missing permission: refused by the machine, not a fault of the program.
        print(f"avvla: {error}", file=sys.stderr)
        return 1
    return code


class _Version(argparse.Action):
    """Looked up when it is asked for."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from importlib.metadata import version

        print(f"avvla {version('avvla')}")
        parser.exit()


def parser() -> argparse.ArgumentParser:
    """Every command with its options; `run` is what a command calls."""
    parser = Parser(
        prog="avvla",
        description="From raw driving logs to a vision-language-action model that drives.",
        epilog=f"`avvla COMMAND --help` has more. {EXIT_CODES}",
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="show it and exit")
    top = parser.add_subparsers(metavar="command", required=True)
    for group in GROUPS:
        group.add(top)
    return parser
