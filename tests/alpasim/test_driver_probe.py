"""Asking a driver; the driver here is a double that knows one call."""

import socket

import pytest
from alpasim_factory import run_folder
from fake_driver import fake_driver

from avvla.alpasim import driver_probe, host_check
from avvla.alpasim.configuration import Wanted, changes, write
from avvla.alpasim.run_folder import RunFolder
from avvla.errors import UserError


def closed_port():
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return server.getsockname()[1]


def test_a_driver_that_answers():
    with fake_driver() as address:
        answer = driver_probe.ask(address)
    assert (answer.version, answer.git_hash, answer.contract) == ("fake 1.2", "abc", "0.53.0")
    assert 0 < answer.round_trip_ms < 1000


def test_nothing_there():
    with pytest.raises(UserError, match=r"nothing answers at .*: start the driver there"):
        driver_probe.ask(f"127.0.0.1:{closed_port()}", 1.0)
    with pytest.raises(UserError, match=r"nothing answers at nowhere.invalid:6000"):
        driver_probe.ask("nowhere.invalid:6000", 1.0)


def test_another_service():
    with fake_driver(knows=False) as address, pytest.raises(UserError, match="UNIMPLEMENTED"):
        driver_probe.ask(address)
    with fake_driver(answer=b"\xff\xff") as address, pytest.raises(UserError, match="is damaged"):
        driver_probe.ask(address)
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        with pytest.raises(UserError, match=r"listens, but does not answer .*get_version"):
            driver_probe.ask(address, 0.3)


def test_the_gpu_of_a_host(tmp_path, monkeypatch):
    program = tmp_path / "nvidia-smi"
    monkeypatch.setenv("PATH", str(tmp_path))
    assert driver_probe.gpu_memory_gb() == []
    program.write_text("#!/bin/sh\necho 24564\necho '[N/A]'\n")
    program.chmod(0o755)
    assert driver_probe.gpu_memory_gb() == [pytest.approx(25.76, abs=0.01)]
    program.write_text("#!/bin/sh\nexit 9\n")
    assert driver_probe.gpu_memory_gb() == []


def test_findings_of_a_probe(tmp_path, monkeypatch):
    monkeypatch.setattr(driver_probe, "gpu_memory_gb", lambda: [8.0])
    run = run_folder(tmp_path / "run", old=True)
    with fake_driver() as address:
        write(changes(RunFolder(run), Wanted(driver=address)))
        lines, found = host_check.probe(RunFolder(run), "sim")
    assert "fake 1.2, contract 0.53.0" in lines[0]
    assert [(one.severity, one.key) for one in found] == [("warning", "GPU memory")]
    lines, found = host_check.probe(RunFolder(run), "driver")
    assert [(one.severity, one.key) for one in found] == [
        ("error", "driver"),
        ("warning", "GPU memory"),
    ]
    monkeypatch.setattr(driver_probe, "gpu_memory_gb", lambda: [23.6])
    _, found = host_check.probe(RunFolder(run), "sim")
    assert [one.key for one in found] == ["driver"]
