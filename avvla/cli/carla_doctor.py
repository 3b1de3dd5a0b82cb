"""The rows of `avvla carla doctor`."""

from __future__ import annotations

from dataclasses import dataclass

from avvla.carla import address
from avvla.carla.client import Client, require
from avvla.doctor import Check
from avvla.errors import UserError
from avvla.probe import Vram, vram

LEAST_MIB = 10 * 1024
"""Of a GPU's memory for CARLA and an agent on one host."""


@dataclass(frozen=True)
class Wanted:
    """What is asked about; see the command's options."""

    host: str
    port: int
    distributed: bool
    timeout_s: float
    allow_version_mismatch: bool


def checks(wanted: Wanted) -> list[Check]:
    """Client, address, ports, version and this host's GPU; what a failure hides is left out."""
    rows = [_client(), *_server(wanted)]
    return [*rows, gpu_memory(vram())]


def _client() -> Check:
    try:
        return Check("client", require(), "ok")
    except UserError as error:
        return Check("client", "not installed", "missing", str(error))


def _server(wanted: Wanted) -> list[Check]:
    try:
        place = address.checked(wanted.host, wanted.port, distributed=wanted.distributed)
    except UserError as error:
        return [Check("address", f"{wanted.host}:{wanted.port}", "missing", str(error))]
    rows = [Check("address", str(place), "ok")]
    ports = f"{place.port}, {place.port + 1}"
    if why := address.problem(place):
        advice = f"{why}; on that machine: avvla carla serve-command --port {place.port}"
        return [*rows, Check("ports", ports, "missing", advice)]
    return [*rows, Check("ports", ports, "ok"), _version(wanted, place)]


def _version(wanted: Wanted, place: address.Address) -> Check:
    try:
        client = Client()
        try:
            theirs, ours = client.versions(place, wanted.timeout_s)
        finally:
            client.close()
    except UserError as error:
        return Check("version", "unknown", "missing", str(error))
    told = f"server {theirs}, client {ours}"
    if theirs == ours:
        return Check("version", told, "ok")
    verdict = "warn" if wanted.allow_version_mismatch else "missing"
    advice = "run the server of the client's version, or pass --allow-version-mismatch"
    return Check("version", told, verdict, advice)  # type: ignore[arg-type]


def gpu_memory(found: tuple[Vram, ...]) -> Check:
    """Whether CARLA fits beside an agent on this host's largest GPU."""
    if not found:
        return Check("GPU memory", "unknown", "warn", "no nvidia-smi: CARLA needs an NVIDIA GPU")
    most = max(found, key=lambda one: one.total_mib)
    told = f"{most.total_mib / 1024:.1f} GiB, {most.free_mib / 1024:.1f} GiB free"
    if most.total_mib < LEAST_MIB:
        advice = "less than 10 GiB: run CARLA on another host (docs/carla.md, Distributed)"
        return Check("GPU memory", told, "warn", advice)
    return Check("GPU memory", told, "ok")
