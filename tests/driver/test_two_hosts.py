"""Driver and simulator on two hosts: network namespaces with a cable between them.

The cable is cut and mended. Names are of this process, and everything is removed at the end.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from driver_process import driver_process

ROOT = Path(__file__).parents[2]
DRIVER, SIMULATOR = "10.213.0.2", "10.213.0.1"


def ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True, timeout=20)


def namespaces() -> bool:
    """Whether this process may make network namespaces here."""
    if os.geteuid() != 0 or shutil.which("ip") is None:
        return False
    name = f"avvla-{os.getpid()}-try"
    try:
        ip("netns", "add", name)
        ip("netns", "exec", name, "ip", "link", "add", "t0", "type", "veth", "peer", "name", "t1")
    except subprocess.CalledProcessError:
        return False
    finally:
        subprocess.run(["ip", "netns", "delete", name], check=False, capture_output=True)
    return True


class Hosts:
    """Two namespaces with a veth pair between them; the driver's end can be unplugged."""

    def __init__(self) -> None:
        mark = f"avvla-{os.getpid()}"
        self.driver, self.simulator = f"{mark}-driver", f"{mark}-sim"
        self._ends = {self.driver: f"av{os.getpid()}d", self.simulator: f"av{os.getpid()}s"}

    def __enter__(self) -> "Hosts":
        try:
            for name in self._ends:
                ip("netns", "add", name)
            one, other = self._ends.values()
            # Made inside: nothing of it is ever seen on the machine's own network.
            inside = ("-n", self.driver, "link")
            ip(*inside, "add", one, "type", "veth", "peer", "name", other)
            ip(*inside, "set", other, "netns", self.simulator)
            for name, address in ((self.driver, DRIVER), (self.simulator, SIMULATOR)):
                ip("-n", name, "address", "add", f"{address}/24", "dev", self._ends[name])
                ip("-n", name, "link", "set", self._ends[name], "up")
                ip("-n", name, "link", "set", "lo", "up")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *exception: object) -> None:
        for name in self._ends:  # with the ends in them
            subprocess.run(["ip", "netns", "delete", name], check=False, capture_output=True)

    def plug(self, state: str) -> None:
        """`down` cuts the cable, `up` mends it."""
        ip("-n", self.driver, "link", "set", self._ends[self.driver], state)


@pytest.fixture
def hosts() -> Iterator[Hosts]:
    if not namespaces():
        pytest.skip("no network namespaces here: they need root and iproute2")
    with Hosts() as made:
        yield made


@contextmanager
def simulator(hosts: Hosts, port: int) -> Iterator[Callable[[str], str]]:
    """Tells the client on the other host what to do, and what it says."""
    script = Path(__file__).with_name("two_hosts_client.py")
    process = subprocess.Popen(
        ["ip", "netns", "exec", hosts.simulator, sys.executable, script, DRIVER, str(port)],
        env={**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'bench'}"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )

    def does(line: str) -> str:
        assert process.stdin
        assert process.stdout
        process.stdin.write(f"{line}\n")
        process.stdin.flush()
        return process.stdout.readline().strip()

    try:
        yield does
    finally:
        process.kill()
        process.communicate()


def test_a_cut_fails_the_call_with_a_status_and_the_next_session_works(hosts):
    with ExitStack() as stack:
        there = ("ip", "netns", "exec", hosts.driver)
        process, port = stack.enter_context(
            driver_process("--policy", "constant_velocity", before=there, host=DRIVER)
        )
        does = stack.enter_context(simulator(hosts, port))
        assert does("probe") == "avvla-driver-1"
        assert does("start first") == "done"
        assert does("step first") == "65 poses"
        hosts.plug("down")
        assert does("step first") in ("DEADLINE_EXCEEDED", "UNAVAILABLE")
        assert does("start second") in ("DEADLINE_EXCEEDED", "UNAVAILABLE")
        assert does("probe").startswith(f"nothing answers at {DRIVER}:{port}")
        hosts.plug("up")
        assert does("start third") == "done"
        assert [does("step third") for _ in range(3)] == ["65 poses"] * 3
        assert does("close third") == "done"
        # The driver has kept the one that was cut.
        assert does("step first") == "65 poses"
        assert does("close first") == "done"
        assert does("probe") == "avvla-driver-1"
        process.terminate()
        _, log = process.communicate(timeout=30)
    assert process.returncode == 0
    assert "session 'third': closed after 3 drives" in log
    assert "session 'first': closed after 2 drives" in log
    assert "Traceback" not in log
