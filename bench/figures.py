"""Measure what README and docs/ quote, keep it in docs/figures.md, and hold the pages to it.

    python bench/figures.py make [NAME ...]     # all of bench/figures.yaml, or these
    python bench/figures.py check

A page quotes a measurement between `<!-- figures: NAME -->` and `<!-- end -->`. There, every number
with decimals or of three digits and more has to be, rounded, one that the command printed; what
stands in backticks is no figure. Two names are not commands: `results` is what the pipeline wrote
to results/, whose freshness DVC keeps, and `once` is what was measured in an earlier state of the
code and is not held to the present one.
`check` fails too where the code that a measurement is of has changed since.
"""

import argparse
import datetime
import hashlib
import json
import os
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import yaml

PLAN = Path("bench/figures.yaml")
RECORD = Path("docs/figures.md")
PIPELINE, GONE = "results", "once"
NOISE = "Loading weights from local directory"
"""LeRobot's line on every policy that is read."""
BLOCK = re.compile(r"^<!-- figures: ([\w ]+) -->\n(.*?)^<!-- end -->", re.MULTILINE | re.DOTALL)
BEGIN, END = re.compile(r"^<!-- figures:", re.MULTILINE), re.compile(r"^<!-- end", re.MULTILINE)
SECTION = re.compile(r"^## (\w+)\n\n(.*?)\n\n```\n(.*?)^```\n", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"code `(\w+)`")
NUMBER = re.compile(r"(?<![\w.])-?\d[\d,]*(?:\.\d+)?(?:e-?\d+)?(?!\w|\.\d)")
PREAMBLE = """# Figures

What the commands printed whose figures README and the other pages quote. `make figures` measures
all of `bench/figures.yaml` anew, `make figures ONLY="safety rl"` some of it. `make check` fails
where a page quotes a number that is not here, and where the code that a measurement is of has
changed since. What DVC's pipeline writes is in `results/`.

Not measured, for want of the thing: a GPU; NVIDIA's, NAVSIM's or L2D's data; a real hub, CARLA
server, Alpasim or AWS; more than one machine.
"""


@dataclass(frozen=True)
class Measurement:
    """A command, and the code whose figures it prints."""

    name: str
    command: str
    code: tuple[str, ...]
    """Globs; or `dvc.lock:STAGE`, which means what that stage wrote."""

    def identity(self) -> str:
        """Twelve digits of the SHA-256 of its code."""
        digest = hashlib.sha256(self.command.encode())
        for part in self.code:
            lock, _, stage = part.partition(":")
            if stage:
                outs = yaml.safe_load(Path(lock).read_text())["stages"][stage]["outs"]
                digest.update(json.dumps([out["md5"] for out in outs]).encode())
                continue
            files = sorted(path for path in Path().glob(part) if path.is_file())
            if not files:
                sys.exit(f"{PLAN}: `{self.name}` is of {part}, which is nothing here")
            for path in files:
                digest.update(path.as_posix().encode() + path.read_bytes())
        return digest.hexdigest()[:12]


def planned() -> dict[str, Measurement]:
    """By name, in the order of the plan."""
    plan = yaml.safe_load(PLAN.read_text())
    return {
        name: Measurement(name, entry["command"], tuple(entry["code"]))
        for name, entry in plan.items()
    }


def recorded() -> dict[str, tuple[str, str]]:
    """By name: what is told of the measurement, and what it printed."""
    if not RECORD.exists():
        return {}
    return {name: (told, printed) for name, told, printed in SECTION.findall(RECORD.read_text())}


def measure(measurement: Measurement) -> tuple[str, str]:
    """Run the command; what is told of it, and what it printed."""
    revision = git("rev-parse", "--short=7", "HEAD")
    load, begin = os.getloadavg()[0], time.monotonic()
    done = subprocess.run(
        shlex.split(measurement.command),
        env={
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        },
        stdout=subprocess.PIPE,
        text=True,
    )
    printed = "".join(f"{line}\n" for line in done.stdout.splitlines() if line != NOISE)
    if done.returncode:
        raise ValueError(f"`{measurement.command}` ended with {done.returncode}")
    told = (
        f"`{measurement.command}`\n\n"
        f"{datetime.date.today()}, commit `{revision}`, {device()}, load {load:.1f} before,"
        f" {time.monotonic() - begin:.0f} s, code `{measurement.identity()}`"
    )
    return told, printed


def device() -> str:
    """The processor's name and the number of its cores at hand."""
    names = re.findall(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return f"{len(os.sched_getaffinity(0))} cores of {names[0] if names else os.uname().machine}"


def git(*words: str) -> str:
    """What git prints."""
    return subprocess.run(
        ["git", *words], capture_output=True, text=True, check=True
    ).stdout.strip()


def save(records: dict[str, tuple[str, str]], order: list[str]) -> None:
    """Write the record anew, in the order of the plan."""
    parts = [PREAMBLE]
    for name in order:
        if name in records:
            told, printed = records[name]
            parts.append(f"## {name}\n\n{told}\n\n```\n{printed}```\n")
    unfinished = RECORD.with_suffix(".part")
    unfinished.write_text("\n".join(parts))
    unfinished.replace(RECORD)


def make(names: list[str]) -> int:
    """Measure and record; a command that fails leaves its old record and does not stop the rest."""
    plan = planned()
    if unknown := sorted(set(names) - set(plan)):
        sys.exit(f"no such measurement: {', '.join(unknown)}; there are {', '.join(plan)}")
    if changed := git(
        "status", "--porcelain", "--untracked-files=no", "--", ":!docs", ":!README.md"
    ):
        sys.exit(f"commit first, a figure belongs to a commit; changed: {changed.split()[-1]}")
    failed = []
    for name in names or plan:
        print(f"{name}: {plan[name].command}", flush=True)
        try:
            measured = measure(plan[name])  # before the record is read: another may add to it
        except (OSError, ValueError) as error:
            failed.append(name)
            print(f"{name}: failed, {error}", flush=True)
        else:
            save(recorded() | {name: measured}, list(plan))
    return int(bool(failed))


def numbers(text: str) -> set[Decimal]:
    """All numbers of a text."""
    return {Decimal(number.replace(",", "")) for number in NUMBER.findall(text)}


def quoted(text: str) -> Iterator[str]:
    """The figures of a page's block, as written."""
    for number in NUMBER.findall(re.sub(r"`[^`]*`|\]\([^)]*\)", "", text)):
        if "." in number or "e" in number or len(re.sub(r"\D", "", number)) > 2:
            yield number


def is_a_rounding(number: str, of: set[Decimal]) -> bool:
    """Whether a number as written is one of others, rounded to its digits."""
    written = Decimal(number.replace(",", ""))
    half = Decimal((0, (5,), int(written.as_tuple().exponent) - 1))
    return any(abs(abs(written) - abs(other)) <= half for other in of)


def results() -> str:
    """Every figure that the pipelines wrote and git keeps."""
    files = git("ls-files", "results", "pipelines/*/results").split()
    return "\n".join(Path(file).read_text() for file in files if file.endswith(".json"))


def faults() -> Iterator[str]:
    """What is wrong with the pages and the record, a line each."""
    plan, records = planned(), recorded()
    known = {name: numbers(printed) for name, (_, printed) in records.items()}
    known[PIPELINE] = numbers(results())
    for page in (Path("README.md"), *sorted(Path("docs").glob("*.md"))):
        written = page.read_text()
        begins, ends = (len(mark.findall(written)) for mark in (BEGIN, END))
        if begins != ends or len(BLOCK.findall(written)) != begins:
            yield f"{page} begins {begins} blocks of figures and ends {ends}"
        for names, text in BLOCK.findall(written):
            asked = names.split()
            if GONE in asked:
                continue
            if missing := [name for name in asked if name not in known]:
                yield f"{page} quotes `{missing[0]}`, which {RECORD} does not have"
                continue
            found = set().union(*(known[name] for name in asked))
            for number in quoted(text):
                if not is_a_rounding(number, found):
                    yield f"{page} quotes {number} of `{names}`, which was not measured"
    for name, measurement in plan.items():
        code = CODE.search(records.get(name, ("", ""))[0])
        if code is None:
            yield f'{RECORD} has no `{name}`: run `make figures ONLY="{name}"`'
        elif code[1] != measurement.identity():
            yield f'`{name}` is older than its code: run `make figures ONLY="{name}"`'
    for name in sorted(set(records) - set(plan)):
        yield f"{RECORD} has `{name}`, which is not in {PLAN}"


def main() -> int:
    """Measure, or name each fault."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("make").add_argument("names", nargs="*", metavar="NAME")
    verbs.add_parser("check")
    arguments = parser.parse_args()
    if arguments.verb == "make":
        return make(arguments.names)
    found = list(faults())
    for fault in found:
        print(fault)
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
