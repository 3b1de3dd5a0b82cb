import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from driver_client import Client

from avvla.driver import canaries
from avvla.driver.server import serve


@contextmanager
def serving(planner, **options) -> Iterator[int]:
    """The port of a server of this process, on an event loop in a thread of its own."""
    opened, found = threading.Event(), []

    def ready(port, stop) -> None:
        found.extend((port, asyncio.get_running_loop(), stop))
        opened.set()

    def run() -> None:
        try:
            asyncio.run(serve(planner, "127.0.0.1", 0, ready=ready, **options))
        finally:
            opened.set()

    thread = threading.Thread(target=run)
    thread.start()
    opened.wait(60)
    port, loop, stop = found
    try:
        yield port
    finally:
        if thread.is_alive():
            loop.call_soon_threadsafe(stop)
        thread.join(30)
    assert not thread.is_alive()


@pytest.fixture(scope="session")
def server() -> Callable:
    return serving


@pytest.fixture
def client() -> Iterator[Client]:
    """Of a server that drives at constant velocity."""
    with serving(canaries.ConstantVelocity()) as port:
        made = Client(port)
        yield made
        made.close()
