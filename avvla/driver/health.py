"""Ask a driver whether it serves, as `grpc.health.v1` has it: the health check of a container."""

from __future__ import annotations

import grpc

from avvla.driver import wire
from avvla.driver.introspection import HEALTH
from avvla.errors import UserError

CHECK = f"/{HEALTH}/Check"
SERVING = 1


def ask(address: str, timeout_s: float = 5.0) -> None:
    """Return where a driver serves at `address`, host:port.

    Raises:
        UserError: nothing answers there, another service does, or it does not serve.
    """
    with grpc.insecure_channel(address) as channel:
        call = channel.unary_unary(CHECK, request_serializer=bytes, response_deserializer=bytes)
        try:
            data = call(b"", timeout=timeout_s)
        except grpc.RpcError as error:
            raise UserError(
                f"no driver answers at {address} ({error.code().name}): start it there with"
                " `avvla driver serve --host 0.0.0.0`, and open its port"
            ) from None
    try:
        status = wire.read("grpc.health.v1.HealthCheckResponse", data).status
    except ValueError:
        status = -1
    if status != SERVING:
        raise UserError(
            f"what answers at {address} does not serve (status {status}, expected {SERVING}):"
            " see its log, or give the port of the driver"
        )
