"""gRPC's own services: health (grpc.health.v1) and reflection (grpc.reflection.v1alpha)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from grpc import StatusCode

from avvla.driver import wire
from avvla.driver.refusal import RefusalError, shown

HEALTH = "grpc.health.v1.Health"
REFLECTION = "grpc.reflection.v1alpha.ServerReflection"
SERVICES = (wire.DRIVER, HEALTH, REFLECTION)


class Health:
    """The server serves as soon as it answers: policies are loaded before the port is opened."""

    async def Check(self, request: Any) -> Any:  # noqa: N802  # gRPC's name
        """Serving, for the server and for each of its services.

        Raises:
            RefusalError: there is no such service.
        """
        if request.service not in ("", *SERVICES):
            text = f"there is no service {shown(request.service)}"
            raise RefusalError(StatusCode.NOT_FOUND, text)
        return _status("SERVING")

    async def Watch(self, request: Any) -> AsyncIterator[Any]:  # noqa: N802  # gRPC's name
        """The same, once, and then nothing until the caller or the server leaves."""
        known = request.service in ("", *SERVICES)
        yield _status("SERVING" if known else "SERVICE_UNKNOWN")
        await asyncio.Event().wait()


class Reflection:
    """Tells tools such as grpcurl what can be called."""

    async def ServerReflectionInfo(  # noqa: N802  # gRPC's name
        self, requests: AsyncIterator[Any]
    ) -> AsyncIterator[Any]:
        """An answer to each question."""
        async for request in requests:
            yield _answered(request)


def _answered(request: Any) -> Any:
    response = wire.message("grpc.reflection.v1alpha.ServerReflectionResponse")()
    response.valid_host = request.host
    response.original_request.CopyFrom(request)
    asked = request.WhichOneof("message_request")
    try:
        if asked == "list_services":
            for name in SERVICES:
                response.list_services_response.service.add(name=name)
        elif asked == "file_by_filename":
            _file(response, wire.pool().FindFileByName(request.file_by_filename))
        elif asked == "file_containing_symbol":
            symbol = request.file_containing_symbol
            _file(response, wire.pool().FindFileContainingSymbol(symbol))
        else:
            _error(response, StatusCode.UNIMPLEMENTED, f"{asked} is not answered here")
    except KeyError:
        _error(response, StatusCode.NOT_FOUND, "there is no such file or symbol")
    return response


def _file(response: Any, file: Any) -> None:
    """The file and what it imports."""
    wanted, done = [file], []
    while wanted:
        one = wanted.pop()
        if one.name not in done:
            done.append(one.name)
            response.file_descriptor_response.file_descriptor_proto.append(one.serialized_pb)
            wanted += one.dependencies


def _error(response: Any, code: StatusCode, text: str) -> None:
    response.error_response.error_code, response.error_response.error_message = code.value[0], text


def _status(name: str) -> Any:
    response = wire.message("grpc.health.v1.HealthCheckResponse")
    return response(status=response.ServingStatus.Value(name))
