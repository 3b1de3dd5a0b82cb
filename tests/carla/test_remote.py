"""A double in a network namespace of its own: a server on another host, as far as TCP knows."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from avvla.carla import address
from avvla.carla.settings import parse_settings
from avvla.errors import UserError

TESTS = Path(__file__).parents[1]


def ip(*words):
    return subprocess.run(["ip", *words], check=True, capture_output=True)


@pytest.fixture
def other_host():
    """A namespace with an address that only a pair of virtual links joins to this one."""
    if os.geteuid() != 0:
        pytest.skip("network namespaces need root")
    name, ours, theirs = f"avvla{os.getpid()}", f"va{os.getpid()}", f"vb{os.getpid()}"
    block = os.getpid() % 250
    try:
        ip("netns", "add", name)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("network namespaces cannot be made here")
    try:
        ip("link", "add", ours, "type", "veth", "peer", "name", theirs, "netns", name)
        ip("addr", "add", f"10.231.{block}.1/24", "dev", ours)
        ip("link", "set", ours, "up")
        for words in (
            ("addr", "add", f"10.231.{block}.2/24", "dev", theirs),
            ("link", "set", theirs, "up"),
            ("link", "set", "lo", "up"),
        ):
            ip("-n", name, *words)
        yield name, f"10.231.{block}.2"
    finally:
        ip("netns", "del", name)


def test_a_remote_server_is_driven_in_and_its_loss_is_told(other_host):
    pytest.importorskip("carla.libcarla", reason="CARLA's client has wheels for 3.12, x86_64")
    from avvla.carla.world import CarlaWorld

    name, host = other_host
    place = address.checked(host, 2000, distributed=True)
    assert address.problem(place) == f"nothing listens at {host}:2000 (calls)"
    server = subprocess.Popen(
        ["ip", "netns", "exec", name, sys.executable, "-m", "carla_double",
         "--host", host, "--port", "2000"],
        env={**os.environ, "PYTHONPATH": str(TESTS)}, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    settings = parse_settings(
        {"server": {"host": host, "timeout_s": 2, "ready_s": 30}, "camera": {"enabled": False}},
        "test",
    )
    try:
        world = CarlaWorld(settings)
        try:
            world.reset(settings.trip, 1)
            for _ in range(5):
                world.step(1.0, 0.0)
            assert world.tick.speed > 0.2
            server.kill()
            with pytest.raises(UserError, match="does not answer any more"):
                world.step(1.0, 0.0)
        finally:
            world.close()
    finally:
        server.kill()
        server.wait()
