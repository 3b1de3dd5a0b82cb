import contextlib

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from avvla.carla.settings import CarlaSettings, load_settings, parse_settings
from avvla.carla.spawn_point import SpawnPoint, parse
from avvla.errors import UserError


@pytest.mark.parametrize(
    ("raw", "told"),
    [
        ({"twon": "Town01"}, "unknown parameter `twon`; did you mean `town`?"),
        ({"server": {"prot": 1}}, "unknown parameter `server.prot`; did you mean `port`?"),
        ({"qqq": 1}, "unknown parameter `qqq`; known keys: server, town"),
        ({"timestep": 0.05}, "`timestep` is a key of rllib-integration: write `timestep_s`"),
        ({"background_activity": {}}, "is a key of rllib-integration: write `background`"),
        (
            {"background": {"n_vehicles": 3}},
            "`background.n_vehicles` is a key of rllib-integration",
        ),
        ({"server": {"port": 65535}}, "server.port is 65535"),
        ({"server": {"mode": "join"}}, "server.mode is 'join'"),
        ({"timestep_s": 0.07}, "timestep_s is 0.07: expected one of 0.1, 0.05"),
        (
            {"town": "Town01", "xodr": "a.xodr"},
            "drive.yaml: town and xodr are both given, expected one of them",
        ),
        ({"hero": {"spawn_points": ["1,2"]}}, "'1,2' is no place: expected 3 numbers"),
        ({"hero": {"spawn_points": ["1,2,x"]}}, "'1,2,x' is no place"),
        (
            {"hero": {"sensors": {"a": {"type": "sensor.camera.rgb", "transform": "0"}}}},
            "hero.sensors.a.transform is '0': '0' is no place",
        ),
        ({"hero": {"sensors": {"a": {"type": "camera"}}}}, "hero.sensors.a.type is 'camera'"),
        (
            {"hero": {"sensors": {"a": {"type": "sensor.camera.rgb", "fov": 90}}}},
            "`hero.sensors.a.fov`; known keys: type, transform, attributes",
        ),
    ],
)
def test_wrong_settings_are_refused_in_one_line(raw, told):
    with pytest.raises(UserError) as caught:
        parse_settings(raw, "drive.yaml")
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{", "cannot be read as YAML"),
        ("a: [1", "cannot be read as YAML"),
        ("\x00", "cannot be read as YAML"),
        ("- town", "holds list, expected a mapping"),
        ("", "holds NoneType, expected a mapping"),
        ("twon: Town01", "unknown parameter `twon`; did you mean `town`?"),
    ],
)
def test_a_file_of_no_settings_is_named(tmp_path, text, told):
    path = tmp_path / "drive.yaml"
    path.write_text(text)
    with pytest.raises(UserError) as caught:
        load_settings(path)
    assert str(path) in str(caught.value)
    assert told in str(caught.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(UserError, match=r"no\.yaml is missing: expected settings"):
        load_settings(tmp_path / "no.yaml")


def test_settings_survive_a_file(tmp_path):
    given = parse_settings(
        {"town": "Town05_Opt", "hero": {"spawn_points": ["1,2,3,0,0,90"]}, "timestep_s": 0.05}, ""
    )
    path = tmp_path / "drive.yaml"
    path.write_text(yaml.safe_dump(given.model_dump(mode="json")))
    assert load_settings(path) == given


def test_the_environment_says_where_the_server_is(monkeypatch):
    monkeypatch.setenv("AVVLA_CARLA_HOST", "gpu-box")
    monkeypatch.setenv("AVVLA_CARLA_PORT", "2100")
    server = CarlaSettings().here().server
    assert (server.host, server.port) == ("gpu-box", 2100)


@pytest.mark.parametrize("text", ["", "x", "0", "65535", "-1", "2000.0"])
def test_a_port_in_the_environment_that_is_none(monkeypatch, text):
    monkeypatch.setenv("AVVLA_CARLA_PORT", text)
    with pytest.raises(UserError, match="AVVLA_CARLA_PORT is"):
        CarlaSettings().here()


def test_places_are_read():
    assert parse("1, 2,3") == SpawnPoint((1.0, 2.0, 3.0), None)
    assert parse("1,2,3,4,5,6") == SpawnPoint((1.0, 2.0, 3.0), (4.0, 5.0, 6.0))


@pytest.mark.parametrize("text", ["", "1,2,3,4", "1,2,nan", "1,2,inf", "1;2;3", "1,2,3,4,5,6,7"])
def test_what_is_no_place_is_refused(text):
    with pytest.raises(UserError, match="expected 3 numbers"):
        parse(text)


@given(st.text())
def test_no_text_makes_a_place_fail_otherwise(text):
    with contextlib.suppress(UserError):
        assert len(parse(text).location) == 3


names = st.sampled_from(
    ["server", "town", "hero", "sensors", "spawn_points", "camera", "trip", "port", "type", "x", 1]
)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(names, values, max_size=4))
def test_no_mapping_makes_settings_fail_otherwise(raw):
    with contextlib.suppress(UserError):
        assert isinstance(parse_settings(raw, "test"), CarlaSettings)


numbers = st.floats(-1e6, 1e6)


@given(st.lists(numbers, min_size=3, max_size=3), st.lists(numbers, min_size=3, max_size=3))
def test_numbers_come_back_as_they_were_written(location, rotation):
    text = ",".join(map(repr, (*location, *rotation)))
    assert parse(text) == SpawnPoint(tuple(location), tuple(rotation))
