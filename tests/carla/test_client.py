"""What goes wrong between the client and a server, on doubles."""

import contextlib
import http.server
import threading

import pytest
from carla_double.server import Double
from carla_double.world import Faults

from avvla.carla import client as client_module
from avvla.carla.address import Address
from avvla.carla.client import Client
from avvla.carla.exchange import ServerLostError
from avvla.carla.settings import Trip, parse_settings
from avvla.errors import UserError

TRIP = Trip()


def test_an_installed_client_is_needed(monkeypatch):
    def none(name):
        raise client_module.importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(client_module.importlib.metadata, "version", none)
    with pytest.raises(UserError, match=r"wheels are for Python 3\.12 on x86_64") as caught:
        client_module.require()
    assert "--world embedded" in str(caught.value)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"town": "Town99"}, "unknown town 'Town99'; did you mean 'Town05_Opt'?"),
        ({"weather": "ClearNon"}, "unknown weather 'ClearNon'; did you mean 'ClearNoon'?"),
        ({"xodr": "/nowhere.xodr"}, "/nowhere.xodr cannot be read as OpenDRIVE"),
    ],
)
def test_a_world_that_cannot_be_had(opened, given, told):
    with pytest.raises(UserError, match=told.replace("?", r"\?")):
        opened(**given)


@pytest.mark.parametrize("text", ["<OpenDRIVE/>", "<foo/>", "", "no xml"])
def test_an_open_drive_without_roads(opened, tmp_path, text):
    path = tmp_path / "empty.xodr"
    path.write_text(text)
    with pytest.raises(UserError, match=r"empty\.xodr.*OpenDRIVE"):
        opened(xodr=str(path))


def test_a_server_whose_map_is_empty(opened):
    with Double(xodr="<OpenDRIVE/>") as server, pytest.raises(UserError, match="no lane for"):
        opened(server)


def sensor(kind="sensor.camera.rgb", **attributes):
    return {"hero": {"sensors": {"eye": {"type": kind, "attributes": attributes}}}}


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (
            {"hero": {"blueprint": "vehicle.tesla.model4"}},
            "unknown blueprint 'vehicle.tesla.model4'; did you mean 'vehicle.tesla.model3'?",
        ),
        (
            sensor("sensor.camera.rbg"),
            "unknown type of the sensor 'eye', 'sensor.camera.rbg'; did you mean"
            " 'sensor.camera.rgb'?",
        ),
        (sensor(fow=90), "unknown attribute of the sensor 'eye', 'fow'; did you mean 'fov'?"),
    ],
)
def test_a_drive_that_cannot_be_had(opened, child, double, given, told):
    opened(**given)
    with pytest.raises(UserError) as caught:
        child.reset(1, TRIP)
    assert told in str(caught.value)


def test_all_spawn_points_are_blocked(opened, child):
    with Double(faults=Faults(blocked=True)) as server:
        opened(server)
        with pytest.raises(UserError, match="all 4 spawn points are blocked"):
            child.reset(1, TRIP)


def test_another_version_is_refused_unless_allowed(child, opened):
    with Double(version="0.9.15") as server:
        with pytest.raises(UserError, match=r"is 0\.9\.15, this client 0\.9\.16: run the server"):
            opened(server)
        settings = parse_settings({"server": {"allow_version_mismatch": True}}, "test")
        told = child.open(Address("127.0.0.1", server.port), settings)
        assert told.version == "0.9.15"


def test_a_port_of_another_service(child):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with contextlib.closing(server.socket):
        place = Address("127.0.0.1", server.server_address[1])
        with pytest.raises(UserError, match=r"does not answer as CARLA within 0\.5 s"):
            child.versions(place, 0.5)
        server.shutdown()


def test_a_silent_sensor_is_named_with_its_frame(opened, child):
    with Double(faults=Faults(silent=("sensor.lidar.ray_cast",))) as server:
        opened(server, timeout_s=0.5, **sensor("sensor.lidar.ray_cast"))
        with pytest.raises(UserError) as caught:
            child.reset(1, TRIP)
    assert "the sensor 'eye' (sensor.lidar.ray_cast) sent nothing for frame " in str(caught.value)
    assert "within 0.5 s" in str(caught.value)


def test_a_server_that_dies_is_lost(opened, child):
    with Double() as server:
        opened(server, timeout_s=0.7)
        child.reset(1, TRIP)
    with pytest.raises(ServerLostError, match="does not answer any more"):
        child.step(0.0, 0.0)


def test_a_hero_that_another_client_destroyed(opened, child, double):
    opened()
    child.reset(1, TRIP)
    (hero,) = [a.id for a in double.world.actors.values() if a.kind.startswith("vehicle.")]
    double.world.destroy(hero)
    with pytest.raises(ServerLostError, match="the hero is gone"):
        child.step(0.0, 0.0)


def test_a_call_that_is_never_answered(opened, child):
    with (
        Double(faults=Faults(deaf_calls=("get_map_data",))) as server,
        pytest.raises(ServerLostError, match="does not answer any more"),
    ):
        opened(server, timeout_s=0.5)


def test_a_server_that_listens_before_it_answers_is_waited_for(opened):
    with Double(faults=Faults(deaf_calls=("version",))) as server:
        waking = threading.Timer(0.5, lambda: setattr(server.world.faults, "deaf_calls", ()))
        waking.start()
        told, _ = opened(server, timeout_s=0.2)
        waking.join()
    assert told.version == "0.9.16"
    assert server.calls.count("version") > 1


def test_what_the_server_refuses_is_one_line(opened, child, double, monkeypatch):
    opened()
    refusal = [[0, ["no more actors"]]]
    monkeypatch.setattr(double, "call_get_physics_control", lambda actor: refusal, raising=True)
    with pytest.raises(UserError, match="the CARLA server refuses to reset: no more actors"):
        child.reset(1, TRIP)


@pytest.mark.parametrize("action", [(float("nan"), 0.0), (0.0, 2.0)])
def test_an_action_that_is_none_never_reaches_the_server(opened, child, double, action):
    opened()
    child.reset(1, TRIP)
    frame = double.world.frame
    with pytest.raises(UserError, match="expected from"):
        child.step(*action)
    assert double.world.frame == frame


def test_a_malformed_message_ends_the_child_alone():
    pytest.importorskip("carla.libcarla", reason="CARLA's client has wheels for 3.12, x86_64")
    client = Client()
    with Double() as server:
        settings = parse_settings({"camera": {"enabled": False}}, "test")
        client.open(Address("127.0.0.1", server.port), settings)
        client.reset(1, TRIP)
        server.world.faults.garbled_frame = server.world.frame + 3
        client.step(0.0, 0.0)
        client.step(0.0, 0.0)
        with pytest.raises(ServerLostError) as caught:
            client.step(0.0, 0.0)
    assert "CARLA's client died of SIG" in str(caught.value)
    assert "avvla carla doctor" in str(caught.value)
    with pytest.raises(ServerLostError):
        client.step(0.0, 0.0)
    client.close()
