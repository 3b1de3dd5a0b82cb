"""Every compose file, read by Docker's own client; no engine is needed."""

import json
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
WHOLE = {
    "compose.driver.yaml": ["AVVLA_VERSION"],
    "compose.sim.yaml": ["AVVLA_VERSION", "AVVLA_DRIVER_HOST", "AVVLA_RUNS"],
    "compose.single.yaml": ["AVVLA_VERSION", "AVVLA_RUNS"],
    "compose.pipeline.yaml": ["AVVLA_VERSION", "AVVLA_DVC_CACHE", "AVVLA_DATA", "AVVLA_WORK"],
}
OVERLAYS = {
    "compose.gpu.yaml": ("compose.driver.yaml", "AVVLA_CHECKPOINT"),
    "compose.pipeline.gpu.yaml": ("compose.pipeline.yaml", "AVVLA_DATA"),
}


@pytest.fixture
def config(shell, compose_client, monkeypatch: pytest.MonkeyPatch):
    """Reads files with these variables set, and gives the project or what was said."""
    names = {name for required in WHOLE.values() for name in required} | {"AVVLA_CHECKPOINT"}
    for name in (*names, "AVVLA_DRIVER_BIND", "AVVLA_POLICY", "AVVLA_REGISTRY", "AVVLA_UID"):
        monkeypatch.delenv(name, raising=False)

    def read(*files: str, **env: str):
        chosen = [part for name in files for part in ("--file", f"docker/{name}")]
        command = ["docker", "compose", *chosen, "config", "--format", "json"]
        done = shell(*command, fine=False, **env)
        return json.loads(done.stdout) if done.returncode == 0 else done.stderr

    return read


def settings(*files: str) -> dict[str, str]:
    names = [name for file in files for name in WHOLE.get(file, [])]
    return dict.fromkeys(names, "/srv") | {"AVVLA_VERSION": "1", "AVVLA_CHECKPOINT": "/model"}


@pytest.mark.parametrize("file", WHOLE)
def test_a_file_is_whole_and_its_containers_are_held(file: str, config) -> None:
    project = config(file, **settings(file))
    for service in project["services"].values():
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert service["user"] == "1000:1000"
        assert service["tmpfs"] == ["/tmp"]
        assert service["stop_grace_period"]
        assert service["restart"]
        assert service["logging"]["options"] == {"max-size": "20m", "max-file": "5"}
        for volume in service.get("volumes", []):
            assert volume["bind"].get("create_host_path", False) is False


@pytest.mark.parametrize(
    ("file", "name"), [(file, name) for file, required in WHOLE.items() for name in required]
)
def test_what_has_to_be_set_is_named(file: str, name: str, config) -> None:
    given = settings(file)
    del given[name]
    assert f"set {name} to " in config(file, **given)


def test_the_driver_is_on_the_loopback_until_told_otherwise(config) -> None:
    for bind, wanted in (({}, "127.0.0.1"), ({"AVVLA_DRIVER_BIND": "10.0.0.2"}, "10.0.0.2")):
        for file in ("compose.driver.yaml", "compose.single.yaml"):
            (port,) = config(file, **settings(file), **bind)["services"]["driver"]["ports"]
            assert (port["host_ip"], port["published"], port["target"]) == (wanted, "6000", 6000)


def test_the_container_is_of_the_user_who_says_so(config) -> None:
    file = "compose.driver.yaml"
    project = config(file, **settings(file), AVVLA_UID="1234", AVVLA_GID="5678")
    assert project["services"]["driver"]["user"] == "1234:5678"


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_only_an_overlay_asks_for_a_gpu(overlay: str, config) -> None:
    base, required = OVERLAYS[overlay]
    given = settings(base)
    (service,) = config(base, **given)["services"].values()
    assert "deploy" not in service
    (service,) = config(base, overlay, **given)["services"].values()
    (device,) = service["deploy"]["resources"]["reservations"]["devices"]
    assert device["driver"] == "nvidia"
    assert service["read_only"] is True
    del given[required]
    assert f"set {required} to " in config(base, overlay, **given)


def test_the_agent_needs_its_checkpoint_and_the_whole_image(config) -> None:
    files = ("compose.single.yaml", "compose.gpu.yaml")
    driver = config(*files, **settings(*files))["services"]["driver"]
    assert driver["image"] == "avvla/driver-full:1"
    assert driver["command"][2:6] == ["--policy", "smolvla", "--checkpoint", "/checkpoint"]
    (volume,) = driver["volumes"]
    assert (volume["source"], volume["target"]) == ("/model", "/checkpoint")
    assert volume["read_only"] is True


def test_every_compose_file_is_tested() -> None:
    files = {path.name for path in (ROOT / "docker").glob("compose.*.yaml")}
    ours = {*WHOLE, *OVERLAYS, "compose.common.yaml"}
    assert ours <= files
    assert {name for name in files - ours if not name.startswith("compose.carla")} == set()
