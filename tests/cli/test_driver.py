import signal
import socket
from contextlib import ExitStack

import driver_client as sim
import pytest
from driver_process import driver_process

from avvla import cli

SERVE = ["driver", "serve", "--policy"]


@pytest.fixture
def serving():
    """Starts `avvla driver serve` on a free port; ends what is left."""
    with ExitStack() as started:
        yield lambda policy, *arguments: started.enter_context(
            driver_process("--policy", policy, *arguments)
        )


def test_a_server_drives_and_ends_on_a_signal(serving):
    process, port = serving("route_follower")
    client = sim.Client(port)
    client.call("start_session", sim.start("a", {}))
    motion = sim.egomotion("a", [(5, 0.0, 0.0, 0.0, 3.0)], old=True)
    client.call("submit_egomotion_observation", motion)
    assert len(client.call("drive", sim.drive("a", 5)).trajectory.poses) == 65
    client.call("shut_down")
    client.call("close_session", sim.close("a"))
    client.close()
    process.send_signal(signal.SIGTERM)
    _, log = process.communicate(timeout=30)
    assert process.returncode == 0
    for told in (
        "session 'a': started; cameras: none",
        "session 'a': egomotion with speeds in field 4",
        "session 'a': constant velocity: no route yet",
        "shut_down was called",
        "the server stays up",
        "session 'a': closed after 1 drives",
        "ended",
    ):
        assert told in log


def test_it_ends_at_shut_down_when_asked_to(serving):
    process, port = serving("replay", "--exit-on-shut-down")
    client = sim.Client(port)
    client.call("shut_down")
    client.close()
    assert process.wait(timeout=30) == 0


def test_an_interrupt_ends_it_with_130(serving):
    process, _ = serving("constant_velocity")
    process.send_signal(signal.SIGINT)
    _, log = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "Traceback" not in log


def fails(capsys, *arguments: str) -> str:
    assert cli.main([*SERVE, *arguments]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    return line


def test_a_port_that_is_taken(capsys):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        told = fails(capsys, "constant_velocity", "--port", port)
    assert f"cannot listen at 127.0.0.1:{port} (Address already in use)" in told


def test_checkpoints_are_of_smolvla(capsys, tmp_path):
    assert "smolvla needs --checkpoint" in fails(capsys, "smolvla")
    told = fails(capsys, "route_follower", "--checkpoint", str(tmp_path))
    assert "--checkpoint is for --policy smolvla, and --policy is route_follower" in told
    told = fails(capsys, "smolvla", "--checkpoint", str(tmp_path))
    assert "config.json is missing" in told


def test_an_option_of_another_policy(capsys):
    told = fails(capsys, "replay", "--cruise", "5")
    assert "--cruise is for --policy route_follower, and --policy is replay" in told
    told = fails(capsys, "route_follower", "--camera", "front")
    assert "--camera is for --policy smolvla, and --policy is route_follower" in told


@pytest.mark.parametrize(
    ("host", "reason"),
    [("", "no host is given"), ("203.0.113.7", "Cannot assign"), ("a b", "not known")],
)
def test_an_address_that_is_not_of_this_host(host, reason, capfd):
    assert cli.main([*SERVE, "replay", "--host", host, "--port", "0"]) == 1
    (line,) = capfd.readouterr().err.splitlines()
    assert f"cannot listen at {host}:0 (" in line
    assert reason in line


@pytest.mark.parametrize(
    "arguments",
    [
        ["x"],
        ["replay", "--port", "66000"],
        ["replay", "--batch", "0"],
        ["route_follower", "--cruise", "fast"],
    ],
)
def test_wrong_usage(arguments, capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main([*SERVE, *arguments])
    assert stop.value.code == 2
    assert "error: argument" in capsys.readouterr().err
