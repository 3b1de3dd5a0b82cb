"""Servers of our own: a start script that starts a double."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from avvla.carla import server as module
from avvla.carla.server import Server, free_port, launcher, options, serve_command
from avvla.carla.settings import Server as ServerSettings
from avvla.carla.settings import parse_settings
from avvla.errors import UserError

TESTS = Path(__file__).parents[1]
SPAWN = ServerSettings(mode="spawn", ready_s=30.0)


def release(folder, *extra, body=None):
    """A folder with a CarlaUE4.sh that starts a double at the port that it is told."""
    script = folder / "CarlaUE4.sh"
    body = body or (
        f'for word in "$@"; do case $word in -carla-rpc-port=*) port=${{word#*=}};; esac; done\n'
        f'echo "$@" > "{folder}/told"\n'
        f'PYTHONPATH="{TESTS}" exec "{sys.executable}" -m carla_double --port $port'
        f" {' '.join(extra)}\n"
    )
    script.write_text(f"#!/bin/sh\n{body}")
    script.chmod(0o755)
    return folder


def test_without_a_folder_or_a_script_there_is_no_server(tmp_path):
    with pytest.raises(UserError, match=r"CARLA_ROOT is not set.*CarlaUE4\.sh"):
        launcher(None)
    with pytest.raises(UserError, match=r"CARLA_ROOT is '.*', which holds no CarlaUE4\.sh"):
        launcher(tmp_path)


def test_a_relative_root_is_refused(monkeypatch):
    from avvla import host

    monkeypatch.setenv("CARLA_ROOT", "carla")
    with pytest.raises(UserError, match="CARLA_ROOT is 'carla', expected an absolute path"):
        host.carla_root()


def children(process_id):
    """The processes of the group that a keeper of this process holds."""
    return psutil.Process(process_id).children(recursive=True)


def test_a_server_ends_with_its_group_and_nothing_else(tmp_path):
    stranger = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    server = Server(SPAWN, release(tmp_path))
    try:
        place = server.start()
        assert module._is_free(place.port) is False
        assert server.dead() == ""
        held = children(server._keeper.pid)
        assert held
    finally:
        server.close()
    assert not any(process.is_running() for process in held)
    assert stranger.poll() is None
    stranger.kill()
    stranger.wait()
    told = (tmp_path / "told").read_text()
    assert told == f"-RenderOffScreen -nosound -quality-level=Low -carla-rpc-port={place.port}\n"


def test_a_server_ends_when_its_owner_is_killed(tmp_path):
    release(tmp_path)
    owner = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys, time\nfrom pathlib import Path\n"
            "from avvla.carla.server import Server\nfrom avvla.carla.settings import Server as S\n"
            "server = Server(S(mode='spawn', ready_s=30.0), Path(sys.argv[1]))\n"
            "server.start()\nprint(server._keeper.pid, flush=True)\ntime.sleep(60)\n",
            str(tmp_path),
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    keeper = psutil.Process(int(owner.stdout.readline()))
    held = [keeper, *keeper.children(recursive=True)]
    assert len(held) >= 2
    owner.send_signal(signal.SIGKILL)
    owner.wait()
    owner.stdout.close()
    _, alive = psutil.wait_procs(held, timeout=30)
    assert not alive


def test_a_script_that_fails_is_told_with_its_last_words(tmp_path):
    server = Server(SPAWN, release(tmp_path, body="echo no Vulkan device >&2\nexit 3\n"))
    with pytest.raises(UserError) as caught:
        server.start()
    told = str(caught.value)
    assert "CarlaUE4.sh ended with code 3" in told
    assert "saying 'no Vulkan device'" in told


def test_a_script_that_cannot_be_run(tmp_path):
    folder = release(tmp_path, body="exit 0\n")
    (folder / "CarlaUE4.sh").chmod(0o644)
    with pytest.raises(UserError, match="cannot be started"):
        Server(SPAWN, folder).start()


def test_three_ports_in_a_row_are_free():
    port = free_port()
    assert all(module._is_free(port + i) for i in range(3))


def test_a_dead_server_is_started_again_a_bounded_number_of_times(tmp_path, monkeypatch):
    pytest.importorskip("carla.libcarla", reason="CARLA's client has wheels for 3.12, x86_64")
    from avvla.carla.world import CarlaWorld

    monkeypatch.setenv("CARLA_ROOT", str(release(tmp_path)))
    given = {"mode": "spawn", "restarts": 1, "timeout_s": 2.0, "ready_s": 30.0}
    settings = parse_settings({"server": given, "camera": {"enabled": False}}, "test")
    world = CarlaWorld(settings)
    try:
        for restart in (True, False):
            world.reset(settings.trip, 1)
            world.step(1.0, 0.0)
            assert not world.metrics().finished
            for process in children(world._server._keeper.pid):
                os.kill(process.pid, signal.SIGKILL)
            world.step(1.0, 0.0)
            assert world.metrics().finished
            assert not world.metrics().collided
            world.step(1.0, 0.0)
            if not restart:
                with pytest.raises(UserError, match=r"died 2 times, more than server.restarts = 1"):
                    world.reset(settings.trip, 2)
    finally:
        world.close()


def test_the_commands_for_another_machine():
    assert serve_command(2000, "Low", docker=False, version="0.9.16") == (
        "CarlaUE4.sh", *options(2000, "Low", True)
    )  # fmt: skip
    words = serve_command(2100, "Epic", docker=True, version="0.9.16")
    assert words[:2] == ("docker", "run")
    assert "--publish=2100-2102:2100-2102" in words
    assert words[-1] == "-carla-rpc-port=2100"
