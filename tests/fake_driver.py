"""A double of the driver service: a real gRPC server on the loopback that knows get_version."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import grpc
from alpasim_factory import part, whole

VERSION = part(1, "fake 1.2") + part(2, "abc") + part(3, whole(2, 53))


@contextmanager
def fake_driver(
    answer: bytes = VERSION, *, knows: bool = True, port: int = 0, asked: list[str] | None = None
) -> Iterator[str]:
    """Its host:port; `asked` collects the names of the calls."""

    class Handler(grpc.GenericRpcHandler):
        def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler | None:
            if asked is not None:
                asked.append(details.method)
            if not knows or details.method != "/egodriver.EgodriverService/get_version":
                return None
            return grpc.unary_unary_rpc_method_handler(lambda request, context: answer)

    server = grpc.server(ThreadPoolExecutor(2), handlers=(Handler(),))
    bound = server.add_insecure_port(f"127.0.0.1:{port}")
    server.start()
    try:
        yield f"127.0.0.1:{bound}"
    finally:
        server.stop(0).wait()
