"""What `check --probe` asks: whether the driver answers, and whether the GPU is large enough."""

from __future__ import annotations

from avvla.alpasim import driver_probe
from avvla.alpasim.finding import Finding, error, warning
from avvla.alpasim.run_folder import NETWORK, Role, RunFolder
from avvla.errors import UserError

SIM_GB = 24.0
"""The renderer beside physics runs on an RTX 4090; nobody states a minimum."""
ALPAMAYO_GB = 24.0
"""Alpamayo's 10 billion parameters fail on a GPU of 16 GB."""
ROUND_TRIP_MS = 20.0
_SLACK = 0.95  # a GPU sold as 24 GB shows a little less


def probe(folder: RunFolder, role: Role | None) -> tuple[list[str], list[Finding]]:
    """Lines that tell what was seen, and findings.

    Raises:
        UserError: a file of the folder is missing or damaged.
    """
    lines, found = [], []
    for address in folder.driver_addresses:
        try:
            answer = driver_probe.ask(address)
        except UserError as problem:
            found.append(error(NETWORK, "driver", address, "a driver that answers", str(problem)))
            continue
        lines.append(
            f"driver {address}: {answer.version or 'no version'}, contract {answer.contract},"
            f" round trip {answer.round_trip_ms:.2f} ms"
        )
        if answer.round_trip_ms > ROUND_TRIP_MS:
            found.append(
                warning(
                    NETWORK,
                    "driver",
                    f"{answer.round_trip_ms:.0f} ms to {address} and back",
                    f"less than {ROUND_TRIP_MS:.0f} ms",
                    "use a cable between the hosts: each step sends all images this way",
                )
            )
    sizes = driver_probe.gpu_memory_gb()
    lines.append(f"GPU memory: {', '.join(f'{size:.1f} GB' for size in sizes) or 'none seen'}")
    needed = _needed_gb(folder, role)
    if needed and max(sizes, default=0.0) < needed * _SLACK:
        found.append(
            warning(
                "this host",
                "GPU memory",
                f"{max(sizes, default=0.0):.1f} GB",
                f"{needed:.0f} GB for {role or 'the simulation'}",
                "run this role on another host, or lower the number and size of cameras",
            )
        )
    return lines, found


def _needed_gb(folder: RunFolder, role: Role | None) -> float:
    if role == "driver":
        stock = folder.driver.model.model_type.lower().startswith("alpamayo")
        return ALPAMAYO_GB if stock else 0.0
    return SIM_GB
