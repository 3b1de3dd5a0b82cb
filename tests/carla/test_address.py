import socket

import pytest

from avvla.carla import address
from avvla.carla.address import Address, check_port, checked, problem, wait
from avvla.errors import UserError


@pytest.mark.parametrize(
    "host",
    ["", " ", "<carla-server-ip-address>", "<carla_server_ip_address>", "${CARLA_SIM_HOST}",
     "your-server", "changeme", "carla_server_ip_address"],
)  # fmt: skip
def test_a_placeholder_is_no_host(host):
    with pytest.raises(UserError, match="a placeholder: set AVVLA_CARLA_HOST"):
        checked(host, 2000)


def test_a_host_that_cannot_be_resolved():
    with pytest.raises(UserError, match=r"the CARLA host 'carla\.invalid' cannot be resolved"):
        checked("carla.invalid", 2000)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.3.2.1"])
def test_loopback_is_no_other_host(host):
    assert checked(host, 2000).port == 2000
    with pytest.raises(UserError, match="is this host's loopback, expected another machine"):
        checked(host, 2000, distributed=True)


def test_an_address_of_docker_is_no_loopback():
    assert checked("172.17.0.2", 2000, distributed=True) == Address("172.17.0.2", 2000)


@pytest.mark.parametrize("port", [0, -1, 65535, 99999])
def test_a_port_without_a_next_one(port):
    with pytest.raises(UserError, match=f"the CARLA port is {port}, expected 1 to 65534"):
        check_port(port)


def two_ports():
    """Servers on a port and the next one, which another process may have: then elsewhere."""
    for _ in range(20):
        first = socket.create_server(("127.0.0.1", 0))
        try:
            return first, socket.create_server(("127.0.0.1", first.getsockname()[1] + 1))
        except OSError:
            first.close()
    raise AssertionError("no two ports beside each other are free")


def test_both_ports_have_to_listen():
    first, second = two_ports()
    place = Address("127.0.0.1", first.getsockname()[1])
    with first:
        with second:
            assert problem(place) == ""
        assert problem(place) == f"nothing listens at 127.0.0.1:{place.port + 1} (streams)"
    assert problem(place) == f"nothing listens at {place} (calls)"


def test_waiting_asks_less_and_less_often(monkeypatch):
    monkeypatch.setattr(address, "problem", lambda place: "nothing listens")
    clock = [0.0]
    pauses = []

    def sleep(pause):
        pauses.append(pause)
        clock[0] += pause

    with pytest.raises(UserError, match=r"no CARLA server at box:2000 within 20 s: nothing lis"):
        wait(Address("box", 2000), 20.0, now=lambda: clock[0], sleep=sleep)
    assert pauses == [0.25, 0.5, 1.0, 2.0, 4.0, 4.0, 4.0, 4.0]


def test_waiting_ends_when_the_server_has(monkeypatch):
    monkeypatch.setattr(address, "problem", lambda place: "nothing listens")
    with pytest.raises(UserError, match="it has ended"):
        wait(Address("box", 2000), 20.0, dead=lambda: "it has ended", sleep=lambda s: None)


def test_waiting_ends_when_it_listens(monkeypatch):
    answers = ["nothing listens", ""]
    monkeypatch.setattr(address, "problem", lambda place: answers.pop(0))
    wait(Address("box", 2000), 20.0, sleep=lambda s: None)
    assert answers == []
