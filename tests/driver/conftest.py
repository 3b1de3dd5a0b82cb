import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from driver_client import Client

from avvla.config import Params
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


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory) -> Path:
    """A Field Agent of drawn weights, which sees 64 pixels."""
    from avvla.policy.checkpoint import make_field_agent, processors_of, save_checkpoint

    backbone = {"vision_width": 32, "vision_layers": 1, "text_width": 32, "text_layers": 2}
    params = {"build": {"image_size": 64}, "policy": {"backbone": backbone}}
    agent = make_field_agent(Params.model_validate(params), "cpu").eval()
    folder = tmp_path_factory.mktemp("model") / "field_agent"
    save_checkpoint(folder, agent, *processors_of(agent))
    return folder


@pytest.fixture(scope="session")
def agent(checkpoint):
    from avvla.policy.driver import FieldAgent

    return FieldAgent(checkpoint, "cpu")
