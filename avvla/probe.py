"""Facts about this machine, asked once for `avvla doctor`.

Sizes are bytes. A secret never becomes a fact: only whether there is one.
"""

from __future__ import annotations

import importlib.metadata
import netrc
import os
import platform
import shutil
import socket
import subprocess
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil

from avvla import host
from avvla.errors import UserError

DRIVER_PORT = 6000
IMAGE_LABEL = "org.opencontainers.image.vendor=avvla"
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
"""Of the kernel, as Docker calls them."""
PORTS = {DRIVER_PORT: "driver", 50051: "gRPC's default"}


@dataclass(frozen=True)
class Gpu:
    """A CUDA device as torch sees it."""

    name: str
    memory: int


@dataclass(frozen=True)
class Folder:
    """The folder behind an `AVVLA_*` variable; `problem` is empty where it can be written."""

    variable: str
    path: str
    free: int
    problem: str


@dataclass(frozen=True)
class Facts:
    """What the verdicts of `avvla.doctor` depend on; the version of an absent thing is empty."""

    python: tuple[int, int, int]
    machine: str
    cores: int
    memory: int
    device: str
    torch: str
    cuda: str
    gpus: tuple[Gpu, ...]
    nvidia_driver: str
    folders: tuple[Folder, ...]
    pyav: str
    ffmpeg: str
    git: str
    dvc: str
    engine: str
    buildx: str
    compose: str
    foreign_images: tuple[str, ...]
    """Images of this project that are not for this machine's architecture."""
    hf_token: bool
    wandb_key: bool
    busy_ports: frozenset[int]


def probe() -> Facts:
    """Ask the machine. Nothing is written, nothing leaves it."""
    torch, cuda, gpus = _torch()
    return Facts(
        python=sys.version_info[:3],
        machine=platform.machine(),
        cores=len(os.sched_getaffinity(0)),
        memory=psutil.virtual_memory().total,
        device=host.device(),
        torch=torch,
        cuda=cuda,
        gpus=gpus,
        nvidia_driver=_first_line(
            "nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"
        ),
        folders=(
            inspect_folder("AVVLA_DATA", host.data_root),
            inspect_folder("AVVLA_WORK", host.work_root),
        ),
        pyav=_version("av"),
        ffmpeg=_first_line("ffmpeg", "-version").removeprefix("ffmpeg version ").split(" ")[0],
        git=_first_line("git", "--version").removeprefix("git version "),
        dvc=_version("dvc") or _first_line("dvc", "--version"),
        engine=_first_line("docker", "version", "--format", "{{.Server.Version}}"),
        buildx=_first_line("docker", "buildx", "version"),
        compose=_first_line("docker", "compose", "version", "--short"),
        foreign_images=_foreign_images(),
        hf_token=has_hf_token(),
        wandb_key=has_wandb_key(),
        busy_ports=frozenset(port for port in PORTS if not is_free(port)),
    )


def inspect_folder(variable: str, locate: Callable[[], Path]) -> Folder:
    """Free space and access of a folder, or of the nearest parent where it is not there yet."""
    try:
        path = locate()
    except UserError as error:
        return Folder(variable, os.environ.get(variable, ""), 0, str(error))
    there = next(parent for parent in (path, *path.parents) if parent.exists())
    if not there.is_dir():
        return Folder(variable, str(path), 0, f"{there} is no folder")
    writable = os.access(there, os.W_OK | os.X_OK)
    problem = "" if writable else f"{there} cannot be written"
    return Folder(variable, str(path), shutil.disk_usage(there).free, problem)


@dataclass(frozen=True)
class Vram:
    """Memory of a GPU as the NVIDIA driver tells it [MiB]."""

    total_mib: int
    free_mib: int


def vram() -> tuple[Vram, ...]:
    """Memory of each GPU, by nvidia-smi; nothing where there is no driver."""
    query = "--query-gpu=memory.total,memory.free", "--format=csv,noheader,nounits"
    found = []
    for line in _lines("nvidia-smi", *query):
        total, _, free = line.partition(",")
        if total.strip().isdecimal() and free.strip().isdecimal():
            found.append(Vram(int(total), int(free)))
    return tuple(found)


def is_free(port: int) -> bool:
    """Whether a server could listen on this port of the loopback address now."""
    with socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            server.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def has_hf_token() -> bool:
    """Whether a download would find the hub's token; without its library there is no download."""
    try:
        from huggingface_hub import get_token
    except ModuleNotFoundError:
        return False
    return get_token() is not None


def has_wandb_key() -> bool:
    """Whether W&B would find a key: in the environment, or in ~/.netrc where its login puts it."""
    if os.environ.get("WANDB_API_KEY"):
        return True
    try:
        return netrc.netrc().authenticators("api.wandb.ai") is not None
    except (OSError, netrc.NetrcParseError):
        return False


def _torch() -> tuple[str, str, tuple[Gpu, ...]]:
    """Version and CUDA version of torch's build, and the devices that it sees."""
    try:
        import torch
    except (ImportError, OSError):
        return "", "", ()
    with warnings.catch_warnings():
        # A driver too old for the build is told by a warning; the row CUDA says it better.
        warnings.simplefilter("ignore")
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    devices = (torch.cuda.get_device_properties(index) for index in range(count))
    gpus = tuple(Gpu(device.name, device.total_memory) for device in devices)
    return str(torch.__version__), torch.version.cuda or "", gpus


def _foreign_images() -> tuple[str, ...]:
    """Name and architecture of each, sorted."""
    listed = _lines("docker", "image", "ls", "--quiet", "--filter", f"label={IMAGE_LABEL}")
    form = "{{index .RepoTags 0}} {{.Architecture}}"
    told = _lines("docker", "image", "inspect", "--format", form, *listed) if listed else []
    ours = ARCHITECTURES.get(platform.machine(), platform.machine())
    return tuple(sorted({line for line in told if line.rpartition(" ")[2] != ours}))


def _version(distribution: str) -> str:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return ""


def _first_line(*command: str) -> str:
    return next(iter(_lines(*command)), "")


def _lines(*command: str) -> list[str]:
    """What a command prints; nothing where it is not there or fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):
        return []
    return done.stdout.strip().splitlines()
