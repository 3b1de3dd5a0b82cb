"""The gRPC server: reads requests, calls the services, turns refusals into statuses."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TYPE_CHECKING, Any

import grpc

from avvla.driver import wire
from avvla.driver.batcher import Batcher
from avvla.driver.introspection import HEALTH, REFLECTION, Health, Reflection
from avvla.driver.refusal import RefusalError
from avvla.driver.scene import Planner
from avvla.driver.service import Service
from avvla.errors import UserError

if TYPE_CHECKING:
    from avvla.driver.sight import Sight

log = logging.getLogger("avvla.driver")

RECEIVE_BYTES = 64 << 20
"""A frame of 4K as PNG has 25 MB; gRPC's own limit is 4 MB."""
GRACE_S = 2.0
"""For calls in progress when the server ends."""


async def serve(
    planner: Planner,
    host: str,
    port: int,
    *,
    sight: Sight | None = None,
    batch: int = 16,
    exit_on_shut_down: bool = False,
    ready: Callable[[int, Callable[[], None]], None] = lambda port, stop: None,
) -> None:
    """Serve until stopped.

    Args:
        planner: of all sessions.
        host: address to listen at.
        port: 0 takes a free one.
        sight: what the planner sees, if it does.
        batch: most scenes that are planned together.
        exit_on_shut_down: whether the call `shut_down` ends the server.
        ready: told the port once it is open, and what ends the server when it is called in the
            event loop's thread.

    Raises:
        UserError: the address cannot be listened at.
    """
    _require_free(host, port)
    stopped = asyncio.Event()
    batcher = Batcher(planner, batch)
    asked = stopped.set if exit_on_shut_down else _stay
    service = Service(batcher, sight if planner.sees else None, asked)
    server = grpc.aio.server(
        options=[
            ("grpc.max_receive_message_length", RECEIVE_BYTES),
            ("grpc.so_reuseport", 0),  # else a second server takes half of the calls, unseen
        ]
    )
    server.add_generic_rpc_handlers(
        (
            _handlers(wire.DRIVER, service),
            _handlers(HEALTH, Health()),
            _handlers(REFLECTION, Reflection()),
        )
    )
    try:
        bound = server.add_insecure_port(wire.address(host, port))
    except RuntimeError:
        raise _cannot_listen(host, port, "another process does by now") from None
    await server.start()
    try:
        ready(bound, stopped.set)
        await stopped.wait()
    finally:
        await server.stop(GRACE_S)
        batcher.close()
        service.close()


def _require_free(host: str, port: int) -> None:
    """Try the address before gRPC does, which writes the reason of a refusal to its own log.

    Raises:
        UserError: the address cannot be listened at.
    """
    if not host:
        raise _cannot_listen(host, port, "no host is given")
    kind, reason = socket.SOCK_STREAM, "it has no address"
    try:
        places = socket.getaddrinfo(host, port, type=kind)
    except (OSError, UnicodeError) as error:
        places, reason = [], getattr(error, "strerror", None) or str(error)
    for family, _, protocol, _, place in places:
        try:
            with socket.socket(family, kind, protocol) as tried:
                tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                tried.bind(place)
        except OSError as error:
            reason = error.strerror or str(error)
        else:
            return  # gRPC too is content with one: `localhost` has two, often only one of them here
    raise _cannot_listen(host, port, reason)


def _cannot_listen(host: str, port: int, reason: str) -> UserError:
    return UserError(
        f"cannot listen at {host}:{port} ({reason}), expected an address of this host and a port"
        " that is free: choose --host or --port"
    )


def _stay() -> None:
    log.info("the server stays up, for the next run; --exit-on-shut-down ends it")


def _handlers(name: str, implementation: Any) -> grpc.GenericRpcHandler:
    """The handlers of a service, whose methods are those of `implementation`."""
    made = {}
    for method in wire.methods(name):
        act, kind = getattr(implementation, method.name), method.input_type.full_name
        if method.client_streaming:
            made[method.name] = grpc.stream_stream_rpc_method_handler(_streamed(act, kind))
        elif method.server_streaming:
            made[method.name] = grpc.unary_stream_rpc_method_handler(_followed(act, kind))
        else:
            made[method.name] = grpc.unary_unary_rpc_method_handler(_called(act, kind))
    return grpc.method_handlers_generic_handler(name, made)


# No deserialiser is given to gRPC: it would answer malformed bytes as a fault of this server.


def _called(act: Callable[[Any], Awaitable[Any]], kind: str) -> Any:
    async def call(data: bytes, context: Any) -> bytes:
        try:
            response = await act(wire.read(kind, data))
        except ValueError as error:
            code, text = grpc.StatusCode.INVALID_ARGUMENT, str(error)
        except RefusalError as refusal:
            code, text = refusal.code, str(refusal)
        except Exception as error:
            log.exception("%s failed", act.__name__)
            reason = f"{type(error).__name__}: {error}"
            code, text = grpc.StatusCode.INTERNAL, f"{act.__name__} failed: {reason[:500]}"
        else:
            done: bytes = response.SerializeToString()
            return done
        log.warning("%s refused: %s: %s", act.__name__, code.name, text)
        await context.abort(code, text)
        raise AssertionError  # abort raises

    return call


def _followed(act: Callable[[Any], AsyncIterator[Any]], kind: str) -> Any:
    async def call(data: bytes, context: Any) -> AsyncIterator[bytes]:
        try:
            request = wire.read(kind, data)
        except ValueError as error:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
        async for response in act(request):
            yield response.SerializeToString()

    return call


def _streamed(act: Callable[[AsyncIterator[Any]], AsyncIterator[Any]], kind: str) -> Any:
    async def call(stream: AsyncIterator[bytes], context: Any) -> AsyncIterator[bytes]:
        async def read() -> AsyncIterator[Any]:
            async for data in stream:
                yield wire.read(kind, data)

        try:
            async for response in act(read()):
                yield response.SerializeToString()
        except ValueError as error:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))

    return call
