"""What this host has and what it can therefore run: the two tables of `avvla doctor`.

Both are pure functions of the facts that `avvla.probe` finds. Sizes are bytes, shown in GiB.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Literal

from rich.console import Console
from rich.table import Table
from rich.text import Text

from avvla.probe import DRIVER_PORT, PORTS, Facts, Folder

Verdict = Literal["ok", "warn", "missing"]

GIB = 2**30
# Sold as 24 GB, an RTX 4090 shows torch 23.6 GiB: a bound of 24 GiB would turn it away.
FULL_SIZE_VRAM = 24 * 10**9
ROOM = 5 * GIB
MEMORY = 6 * GIB
ENGINE, BUILDX, COMPOSE = (25, 0), (0, 17), (2, 24)
"""The first that can do what the images and their compose files ask for."""
COLOUR: dict[Verdict, str] = {"ok": "green", "warn": "yellow", "missing": "red"}


@dataclass(frozen=True)
class Check:
    """One row: what was looked at, what was found, the verdict and what to do about it."""

    name: str
    value: str
    verdict: Verdict
    advice: str = ""


def checks(facts: Facts) -> list[Check]:
    """The parts of the host, one row each."""
    gpus = ", ".join(f"{gpu.name} {_gib(gpu.memory)}" for gpu in facts.gpus)
    cuda = f"build {facts.cuda or 'without CUDA'}, {len(facts.gpus)} device(s)"
    unseen = bool(facts.nvidia_driver) and not facts.gpus
    return [
        _check(
            "Python",
            (3, 12) <= facts.python < (3, 14),
            ".".join(map(str, facts.python)),
            "avvla runs on 3.12 and 3.13: run `make setup`",
            "missing",
        ),
        _found("torch", facts.torch, "run `make setup`", "missing"),
        _check(
            "CUDA",
            bool(facts.gpus),
            cuda,
            "CUDA 13 needs NVIDIA's driver 580 or newer" if unseen else "training runs on the CPU",
        ),
        _found("GPU", gpus, "the embedded pipeline needs none"),
        _found("NVIDIA driver", facts.nvidia_driver, "only needed with a GPU"),
        _device(facts),
        Check("CPU", f"{facts.cores} cores, {facts.machine}", "ok"),
        _check(
            "memory",
            facts.memory >= MEMORY,
            _gib(facts.memory),
            f"less than {_gib(MEMORY)}: set AVVLA_WORKERS=1",
        ),
        *(_folder(folder) for folder in facts.folders),
        _found("PyAV", facts.pyav, "run `make setup`", "missing"),
        _found("ffmpeg", facts.ffmpeg, "PyAV brings its own; the program helps to look at videos"),
        _found("git", facts.git, "install git: DVC works on a git repository", "missing"),
        _found("dvc", facts.dvc, "run `make setup`", "missing"),
        _recent("Docker engine", facts.engine, ENGINE, "install and start Docker"),
        _recent("buildx", facts.buildx, BUILDX, "install the plug-in docker-buildx"),
        _recent("compose", facts.compose, COMPOSE, "install the plug-in docker-compose"),
        _check(
            "images",
            not facts.foreign_images,
            ", ".join(facts.foreign_images) or "none for another architecture",
            f"not for {facts.machine}: pull or build them for this host",
        ),
        _check(
            "Hugging Face token",
            facts.hf_token,
            _yes(facts.hf_token),
            "run `hf auth login` or set HF_TOKEN: NVIDIA's data set is gated",
        ),
        _check(
            "W&B key",
            facts.wandb_key,
            _yes(facts.wandb_key),
            "run `wandb login` or set WANDB_API_KEY to log runs there",
        ),
        *(
            _check(
                f"port {port}",
                port not in facts.busy_ports,
                "in use" if port in facts.busy_ports else "free",
                f"{use}: another process listens there",
            )
            for port, use in PORTS.items()
        ),
    ]


def abilities(facts: Facts) -> list[Check]:
    """The jobs of the project, one row each: whether this host can do them."""
    lacks = [check.name for check in checks(facts) if check.verdict == "missing"]
    memory = max((gpu.memory for gpu in facts.gpus), default=0)
    embedded = _able("embedded pipeline", not lacks, f"see {', '.join(lacks)} above")
    long = replace(embedded, name="profile embedded_long")
    if not lacks and not facts.gpus:
        long = replace(long, value="slowly", verdict="warn", advice="a GPU makes it shorter")
    return [
        embedded,
        long,
        _able("training at full size", memory >= FULL_SIZE_VRAM, "needs a GPU with 24 GB or more"),
        _able(
            "driver",
            bool(facts.torch) and DRIVER_PORT not in facts.busy_ports,
            f"needs torch and port {DRIVER_PORT}; `--port` takes another",
        ),
        _able(
            "Alpasim host",
            facts.machine == "x86_64" and bool(facts.nvidia_driver),
            "needs x86_64 and an NVIDIA driver; the driver of the car can run here",
        ),
    ]


def report(facts: Facts, console: Console | None = None) -> int:
    """Print both tables; 1 where something that the embedded pipeline needs is missing, else 0."""
    console = console or Console()
    able = abilities(facts)
    show("this host", checks(facts), console)
    show("what this host can run", able, console)
    return int(able[0].verdict == "missing")


def show(title: str, rows: list[Check], console: Console | None = None) -> None:
    """Print a table of checks."""
    (console or Console()).print(_table(title, rows))


def _check(name: str, fine: bool, value: str, advice: str, otherwise: Verdict = "warn") -> Check:
    return Check(name, value, "ok") if fine else Check(name, value, otherwise, advice)


def _found(name: str, value: str, advice: str, otherwise: Verdict = "warn") -> Check:
    return _check(name, bool(value), value or "not found", advice, otherwise)


def _recent(name: str, told: str, least: tuple[int, int], advice: str) -> Check:
    """A tool of containers, which nothing but containers needs."""
    found = re.search(r"(\d+)\.(\d+)[\w.-]*", told)
    if found is None:
        return Check(name, "not found", "warn", f"only containers need it: {advice}")
    recent = (int(found[1]), int(found[2])) >= least
    wanted = ".".join(map(str, least))
    return _check(name, recent, found[0], f"expected {wanted} or newer: update Docker")


def _able(name: str, able: bool, advice: str) -> Check:
    return _check(name, able, _yes(able), advice, "missing")


def _yes(fact: bool) -> str:
    return "yes" if fact else "no"


def _device(facts: Facts) -> Check:
    if facts.device.startswith("cuda") and not facts.gpus:
        return Check("AVVLA_DEVICE", facts.device, "missing", "torch sees no GPU: unset it")
    idle = facts.device == "cpu" and bool(facts.gpus)
    advice = "set AVVLA_DEVICE=cuda to use the GPU" if idle else ""
    return Check("AVVLA_DEVICE", facts.device, "warn" if idle else "ok", advice)


def _folder(folder: Folder) -> Check:
    value = f"{folder.path}, {_gib(folder.free)} free"
    if folder.problem:
        advice = f"{folder.problem}; set {folder.variable} to a folder of yours"
        return Check(folder.variable, folder.path, "missing", advice)
    if folder.free < ROOM:
        return Check(folder.variable, value, "warn", f"less than {_gib(ROOM)}: make room")
    return Check(folder.variable, value, "ok")


def _gib(size: int) -> str:
    return f"{size / GIB:.1f} GiB"


def _table(title: str, rows: list[Check]) -> Table:
    table = Table("", "found", "verdict", "advice", title=title, title_justify="left")
    for row in rows:
        # Text, because a path may hold what looks like markup; folded, because half a path is none.
        verdict = Text(row.verdict, style=COLOUR[row.verdict])
        table.add_row(row.name, Text(row.value, overflow="fold"), verdict, Text(row.advice))
    return table
