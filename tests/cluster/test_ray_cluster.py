"""The Ray cluster: our own is closed to others, one that cannot be joined is told in one line."""

import importlib.util
import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest
import yaml
from chunk_steps import where

from avvla.cluster import ray_cluster
from avvla.cluster.chunk_map import map_chunks
from avvla.errors import UserError

ROOT = Path(__file__).parents[2]


@pytest.fixture
def on_ray(monkeypatch):
    monkeypatch.setenv("AVVLA_BACKEND", "ray")


@pytest.fixture
def outside(on_ray, ray_running, monkeypatch):
    """As in a process that is in no cluster yet."""
    monkeypatch.setattr("ray.is_initialized", lambda: False)
    monkeypatch.setattr("ray.shutdown", lambda: None)


@pytest.fixture
def listener():
    """A port of the loopback that accepts connections; what it answers is for the test."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def _refused(monkeypatch, address):
    monkeypatch.setenv("RAY_ADDRESS", address)
    with pytest.raises(UserError) as caught:
        map_chunks(where, [0], 1, "ask")
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_without_ray_the_way_to_it_is_told(on_ray, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(UserError, match=r"Ray is not installed: run `make setup`, or"):
        map_chunks(where, [0], 1, "ask")


@pytest.mark.parametrize("text", ["ray://head:10001", "head", "head:", ":6379", "head:0", "a:b"])
def test_an_address_in_another_form_is_refused(on_ray, monkeypatch, text):
    assert f"RAY_ADDRESS is {text!r}, expected the host:port" in _refused(monkeypatch, text)


def test_nobody_at_the_address_is_told(outside, monkeypatch, listener):
    port = listener.getsockname()[1]
    listener.close()
    assert "cannot be joined ([Errno 111] Connection refused)" in _refused(
        monkeypatch, f"127.0.0.1:{port}"
    )


def test_a_silent_head_is_given_up(outside, monkeypatch, listener):
    monkeypatch.setattr(ray_cluster, "CONNECT_S", 0.2)
    begin = time.monotonic()
    assert "cannot be joined (timed out)" in _refused(
        monkeypatch, f"127.0.0.1:{listener.getsockname()[1]}"
    )
    assert time.monotonic() - begin < 5.0


def test_another_server_is_no_head(outside, monkeypatch, listener):
    def answer():
        connection, _ = listener.accept()
        with connection:
            connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    thread = threading.Thread(target=answer)
    thread.start()
    assert "no head of a Ray cluster" in _refused(
        monkeypatch, f"127.0.0.1:{listener.getsockname()[1]}"
    )
    thread.join()


def test_a_ray_that_does_not_come_up_is_told(outside, monkeypatch):
    def init(*arguments, **options):
        raise Exception("The current node timed out during startup. This could happen because")

    monkeypatch.setattr("ray.init", init)
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    with pytest.raises(UserError, match="Ray was not up within the 30 s"), ray_cluster.cluster(1):
        pass


def test_joining_is_given_up_in_time():
    with pytest.raises(TimeoutError, match=r"within 0\.1 s"), ray_cluster._at_most(0.1):
        time.sleep(10)


def test_a_block_that_is_done_in_time_is_left_alone():
    with ray_cluster._at_most(0.1):
        pass
    time.sleep(0.15)


def test_our_own_cluster_listens_on_the_loopback_alone(ray_running):
    listening = [
        connection.laddr.ip.removeprefix("::ffff:")
        for process in psutil.Process().children(recursive=True)
        for connection in process.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    ]
    assert len(listening) >= 3
    assert set(listening) == {"127.0.0.1"}
    assert os.environ["RAY_AUTH_MODE"] == "token"
    assert os.environ["RAY_USAGE_STATS_ENABLED"] == "0"


SCRIPT = """
import sys
sys.path.insert(0, {folder!r})
from chunk_steps import where
from avvla.cluster.chunk_map import map_chunks
print(map_chunks(where, range(2), 2, "ask"))
"""


def test_an_existing_cluster_is_joined_and_left_running(ray_running, tmp_path):
    import ray

    environment = os.environ | {
        "AVVLA_BACKEND": "ray",
        "RAY_ADDRESS": ray.get_runtime_context().gcs_address,
        "PYTHONHASHSEED": "77",
    }
    run = subprocess.run(
        [sys.executable, "-c", SCRIPT.format(folder=str(Path(__file__).parent))],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
    )
    # What shapes bytes reaches workers of a cluster that was started without it.
    assert run.stdout == f"{[(str(tmp_path), '77')] * 2}\n", run.stderr
    assert run.stderr == ""
    assert ray.is_initialized()
    assert ray.nodes()[0]["Alive"]


def test_a_node_that_is_killed_loses_no_chunk(tmp_path):
    run = subprocess.run(
        [sys.executable, Path(__file__).parent / "node_death.py", tmp_path],
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parent)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert run.stdout.splitlines()[-1:] == [str([chunk * chunk for chunk in range(8)])], run.stderr
    lost = [path.name for path in tmp_path.glob("*.started")]
    assert lost, "the node died before it had a chunk"
    for chunk in range(8):
        written = (tmp_path / f"chunk_{chunk}.txt").read_text()
        assert written == f"the whole of chunk {chunk}"


def test_what_shapes_bytes_goes_with_the_work():
    command = yaml.safe_load((ROOT / "stages/env.yaml").read_text())["env"]
    names = {word.partition("=")[0] for word in command.split()[1:]}
    assert names - {"PYTHONPATH"} <= set(ray_cluster.PASSED_ON)
