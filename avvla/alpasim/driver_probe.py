"""Ask a driver for its version over the network, and this host for its GPU memory."""

from __future__ import annotations

import socket
import statistics
import subprocess
import time
from dataclasses import dataclass

from avvla.alpasim import wire
from avvla.alpasim.run_folder import split_address
from avvla.errors import UserError

VERSION_RPC = "/egodriver.EgodriverService/get_version"
_CALLS = 10


@dataclass(frozen=True)
class Answer:
    """What a driver said."""

    version: str
    git_hash: str
    contract: str
    """Version of the gRPC contract, major.minor.patch."""
    round_trip_ms: float
    """Median time of a call without content."""


def ask(address: str, timeout_s: float = 5.0) -> Answer:
    """Connect to a driver, ask for its version and time the answer.

    Raises:
        UserError: the address is wrong, nothing listens there, or it is no driver.
    """
    connect(address, timeout_s)
    import grpc

    with grpc.insecure_channel(address) as channel:
        call = channel.unary_unary(
            VERSION_RPC, request_serializer=bytes, response_deserializer=bytes
        )
        spent_ms = []
        try:
            for _ in range(_CALLS):
                begin_s = time.perf_counter()
                content = call(b"", timeout=timeout_s)
                spent_ms.append((time.perf_counter() - begin_s) * 1000)
            version = wire.message(content, "the driver's version")
            contract = wire.message(version.last(3, b""), "the driver's version")
            numbers = (contract.integer(field) for field in (1, 2, 3))
            return Answer(
                version.text(1),
                version.text(2),
                ".".join(map(str, numbers)),
                statistics.median(spent_ms),
            )
        except grpc.RpcError as error:
            raise UserError(
                f"{address} listens, but does not answer {VERSION_RPC} ({error.code().name}):"
                " another service has this port; start `avvla driver serve` on one that is free"
            ) from None


def connect(address: str, timeout_s: float) -> None:
    """Open a connection and close it.

    Raises:
        UserError: it cannot be opened.
    """
    host, port = split_address(address)
    try:
        socket.create_connection((host, port), timeout_s).close()
    except (OSError, UnicodeError) as error:
        raise UserError(
            f"nothing answers at {address} ({error}): start the driver there (`avvla driver serve"
            f" --host 0.0.0.0 --port {port}`) and open the port in its firewall"
        ) from None


def gpu_memory_gb() -> list[float]:
    """Memory of each GPU of this host [GB = 10^9 bytes]; empty without NVIDIA's driver."""
    try:
        done = subprocess.run(
            ["nvidia-smi", "--query-gpu=memory.total", "--format=csv,noheader,nounits"],
            capture_output=True,
            text=True,
            timeout=20,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return []
    # A GB10 shares the memory of its host and gives "[N/A]".
    lines = [line.strip() for line in done.stdout.splitlines()]
    return [int(line) * 2**20 / 1e9 for line in lines if line.isdecimal()]
