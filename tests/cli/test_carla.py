import pyarrow.parquet as pq
import pytest
import yaml
from carla_double.server import Double

from avvla import cli
from avvla.cli import carla_doctor
from avvla.cli.carla_doctor import gpu_memory
from avvla.probe import Vram, vram


def test_what_to_run_elsewhere(capsys):
    assert cli.main(["carla", "serve-command", "--port", "2100"]) == 0
    out = capsys.readouterr().out
    assert "let this host reach TCP 2100 and 2101" in out
    assert '"$CARLA_ROOT"/CarlaUE4.sh -RenderOffScreen' in out
    assert cli.main(["carla", "serve-command", "--docker"]) == 0
    assert "docker run --rm --gpus=all --publish=2000-2002:2000-2002" in capsys.readouterr().out


@pytest.mark.parametrize("port", ["0", "65535"])
def test_a_port_that_is_none(port, capsys):
    assert cli.main(["carla", "serve-command", "--port", port]) == 1
    assert capsys.readouterr().err == (
        f"avvla: the CARLA port is {port}, expected 1 to 65534: streams are on the port after it\n"
    )


def rows(**given):
    wanted = {"host": "127.0.0.1", "port": 1, "distributed": False, "timeout_s": 1.0}
    wanted |= {"allow_version_mismatch": False, **given}
    return {row.name: row for row in carla_doctor.checks(carla_doctor.Wanted(**wanted))}


def test_doctor_of_a_server_that_can_be_driven_in(monkeypatch, capsys):
    pytest.importorskip("carla.libcarla", reason="CARLA's client has wheels for 3.12, x86_64")
    with Double() as server:
        monkeypatch.setenv("AVVLA_CARLA_PORT", str(server.port))
        monkeypatch.setenv("AVVLA_CARLA_HOST", "127.0.0.1")
        assert cli.main(["carla", "doctor"]) == 0
    out = capsys.readouterr().out
    assert "server 0.9.16" in out
    assert "missing" not in out


def test_doctor_of_another_version():
    pytest.importorskip("carla.libcarla", reason="CARLA's client has wheels for 3.12, x86_64")
    with Double(version="0.9.15") as server:
        row = rows(port=server.port)["version"]
        assert (row.verdict, row.value) == ("missing", "server 0.9.15, client 0.9.16")
        allowed = rows(port=server.port, allow_version_mismatch=True)["version"]
        assert allowed.verdict == "warn"


def test_doctor_without_a_server():
    found = rows()
    assert found["ports"].verdict == "missing"
    assert "nothing listens at 127.0.0.1:1 (calls)" in found["ports"].advice
    assert "version" not in found


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"host": "<carla-server-ip-address>"}, "a placeholder"),
        ({"host": "carla.invalid"}, "cannot be resolved"),
        ({"distributed": True}, "is this host's loopback"),
        ({"port": 70000}, "the CARLA port is 70000"),
    ],
)
def test_doctor_of_an_address_that_is_none(given, told):
    found = rows(**given)
    assert found["address"].verdict == "missing"
    assert told in found["address"].advice
    assert "ports" not in found


@pytest.mark.parametrize("seconds", ["0", "-3", "nan", "inf"])
def test_doctor_waits_for_a_time_that_is_one(seconds, capsys):
    assert cli.main(["carla", "doctor", "--timeout", seconds]) == 1
    error = f"avvla: --timeout is {seconds}, expected more than 0 s\n"
    assert capsys.readouterr().err == error


def test_doctor_fails_where_something_is_missing(capsys):
    assert cli.main(["carla", "doctor", "--port", "1", "--host", "127.0.0.1"]) == 1


def test_a_small_gpu_is_told_to_go_distributed():
    assert gpu_memory(()).value == "unknown"
    assert gpu_memory((Vram(24564, 20000),)).verdict == "ok"
    small = gpu_memory((Vram(8192, 8000), Vram(4096, 4000)))
    assert small.verdict == "warn"
    assert small.value == "8.0 GiB, 7.8 GiB free"
    assert "less than 10 GiB: run CARLA on another host" in small.advice


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ("24564, 24000\n8192, 100\n", (Vram(24564, 24000), Vram(8192, 100))),
        ("[N/A], [N/A]\n", ()),
        ("No devices were found\n", ()),
        ("", ()),
    ],
)
def test_memory_is_read_from_nvidia_smi(tmp_path, monkeypatch, said, found):
    script = tmp_path / "nvidia-smi"
    script.write_text(f"#!/bin/sh\nprintf '{said}'\n")
    script.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    assert vram() == found


def test_without_a_driver_the_memory_is_unknown(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert vram() == ()


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    small = {"camera_width": 64, "camera_height": 36}
    (tmp_path / "params.yaml").write_text(yaml.safe_dump({"dataset": {"synthetic": small}}))
    return tmp_path


@pytest.mark.parametrize("policy", ["constant_velocity", "route_follower"])
def test_the_agents_loop_drives_in_carla(folder, monkeypatch, capsys, policy):
    pytest.importorskip("carla.libcarla", reason="CARLA's client has wheels for 3.12, x86_64")
    given = {"trip": {"start_speed_mps": 6.0}, "camera": {"width": 64, "height": 36}}
    (folder / "drive.yaml").write_text(yaml.safe_dump(given))
    with Double() as server:
        monkeypatch.setenv("AVVLA_CARLA_PORT", str(server.port))
        options = ("--policy", policy, "--clock", "virtual", "--duration", "3")
        files = ("--carla", "drive.yaml", "--output", "ticks.parquet")
        assert cli.main(["agent", "run", "--world", "carla", *options, *files]) == 0
        assert "vehicle.lincoln.mkz_2017" not in {a.kind for a in server.world.actors.values()}
    assert "ticks: 30" in capsys.readouterr().out
    ticks = pq.read_table(folder / "ticks.parquet").to_pydict()
    assert min(ticks["speed_mps"]) > 5.5
    assert not any(ticks["faults"])


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--carla", "x.yaml"], "--carla is for --world carla"),
        (["--policy", "route_follower"], "--policy route_follower is for --world carla"),
        (["--world", "carla", "--carla", "x.yaml"], "x.yaml is missing"),
    ],
)
def test_wrong_input_of_a_drive_ends_in_one_line(folder, options, told, capsys):
    assert cli.main(["agent", "run", "--policy", "constant_velocity", *options]) == 1
    error = capsys.readouterr().err
    assert told in error
    assert error.count("\n") == 1


def test_a_server_that_is_not_there_ends_in_one_line(folder, monkeypatch, capsys):
    pytest.importorskip("carla.libcarla", reason="CARLA's client has wheels for 3.12, x86_64")
    monkeypatch.setenv("AVVLA_CARLA_PORT", "1")
    (folder / "drive.yaml").write_text("server: {ready_s: 0.1}\n")
    options = ("--world", "carla", "--carla", "drive.yaml", "--policy", "constant_velocity")
    assert cli.main(["agent", "run", *options]) == 1
    error = capsys.readouterr().err
    assert "no CARLA server at 127.0.0.1:1 within 0.1 s: nothing listens" in error
    assert error.count("\n") == 1
