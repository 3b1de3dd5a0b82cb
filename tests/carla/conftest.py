"""Doubles of a CARLA server, and a client's child that all tests of a file share."""

import importlib.util

import pytest

NO_CLIENT = "CARLA's client has wheels for Python 3.12 on x86_64 only"


@pytest.fixture(scope="module")
def child():
    """One child process; each `open` begins anew in it."""
    if importlib.util.find_spec("carla.libcarla") is None:
        pytest.skip(NO_CLIENT)
    from avvla.carla.client import Client

    client = Client()
    yield client
    client.close()


@pytest.fixture
def double():
    """A double of a server, with nothing wrong."""
    from carla_double.server import Double

    with Double() as server:
        yield server


@pytest.fixture
def opened(child, double):
    """Opens the double with settings given as a mapping."""
    from avvla.carla.address import Address
    from avvla.carla.settings import parse_settings

    def opening(server=double, timeout_s=5.0, **given):
        given.setdefault("camera", {"enabled": False})
        settings = parse_settings({"server": {"timeout_s": timeout_s}, **given}, "test")
        return child.open(Address("127.0.0.1", server.port), settings), settings

    return opening
