import json
import shutil
import subprocess
from pathlib import Path

import pytest

from avvla import cli
from avvla.carla import compose
from avvla.carla.compose import DISTRIBUTED, SHARED, differences, render, resolved
from avvla.errors import UserError

DOCKER = Path(__file__).parents[2] / "docker"


def has_compose():
    return (
        shutil.which("docker") is not None
        and subprocess.run(["docker", "compose", "version"], capture_output=True).returncode == 0
    )


needs_compose = pytest.mark.skipif(not has_compose(), reason="docker's compose plugin is absent")


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "docker").mkdir()
    for distributed, name in ((False, SHARED), (True, DISTRIBUTED)):
        (tmp_path / "docker" / name).write_text(render(distributed))
    return tmp_path / "docker"


@pytest.mark.parametrize(("distributed", "name"), [(False, SHARED), (True, DISTRIBUTED)])
def test_the_files_are_what_is_rendered(distributed, name):
    assert (DOCKER / name).read_text() == render(distributed)


@needs_compose
def test_docker_takes_both_and_they_differ_in_the_server_alone(folder):
    shared, distributed = resolved(folder / SHARED), resolved(folder / DISTRIBUTED)
    assert differences(shared, distributed) == []
    assert set(shared["services"]) == {"agent", "carla"}
    assert set(distributed["services"]) == {"agent"}
    assert shared["services"]["carla"]["deploy"]["resources"]["reservations"]["devices"]
    agent = distributed["services"]["agent"]
    assert agent["environment"]["AVVLA_CARLA_HOST"] == "carla.invalid"
    assert "depends_on" not in agent


@needs_compose
def test_the_distributed_one_asks_where_the_server_is(folder, monkeypatch):
    monkeypatch.delenv("CARLA_SIM_HOST", raising=False)
    monkeypatch.setattr(compose, "STANDING_IN", {"AVVLA_VERSION": "0"})
    with pytest.raises(UserError, match="set CARLA_SIM_HOST to the machine that runs CARLA"):
        resolved(folder / DISTRIBUTED)


@needs_compose
def test_a_file_that_docker_refuses(folder):
    (folder / SHARED).write_text("services: {agent: {imagee: x}}")
    with pytest.raises(UserError, match=r"refuses .*compose\.carla\.yaml: .*imagee"):
        resolved(folder / SHARED)


@needs_compose
def test_an_edit_of_one_file_is_found(folder, capsys):
    assert cli.main(["carla", "compose", "check", "--folder", str(folder)]) == 0
    assert "differ in the server alone" in capsys.readouterr().out
    path = folder / DISTRIBUTED
    path.write_text(path.read_text().replace("AVVLA_DURATION:-60", "AVVLA_DURATION:-90"))
    assert cli.main(["carla", "compose", "check", "--folder", str(folder)]) == 1
    error = capsys.readouterr().err
    assert 'services.agent.command.7: "60" | "90"' in error
    assert error.count("\n") == 1


def test_a_missing_file(tmp_path):
    with pytest.raises(UserError, match="is missing: write it with `avvla carla compose render`"):
        resolved(tmp_path / SHARED)


def test_no_docker(folder, monkeypatch):
    monkeypatch.setenv("PATH", str(folder))
    with pytest.raises(UserError, match="docker is not installed"):
        resolved(folder / SHARED)


def test_differences_are_sorted_paths_outside_the_allow_list():
    ours = {"services": {"agent": {"image": "a", "tty": True}, "carla": {"image": "c"}}}
    theirs = {"services": {"agent": {"image": "b", "environment": {"X": "1"}}}}
    assert differences(ours, theirs) == [
        'services.agent.environment.X: absent | "1"',
        'services.agent.image: "a" | "b"',
        "services.agent.tty: true | absent",
    ]
    allowed = {"services": {"agent": {"environment": {"AVVLA_CARLA_HOST": "x"}}}}
    other = json.loads(json.dumps(allowed).replace("x", "y"))
    assert differences(allowed, other) == []
    alike = {"services": {"agent": {"environment": {"AVVLA_CARLA_HOST_2": "x"}}}}
    assert differences(alike, json.loads(json.dumps(alike).replace("x", "y")))


def test_a_file_is_written_whole(tmp_path, capsys):
    output = tmp_path / "new" / "file.yaml"
    assert cli.main(["carla", "compose", "render", "--output", str(output)]) == 0
    assert cli.main(["carla", "compose", "render"]) == 0
    assert output.read_text() == render(False)
    assert capsys.readouterr().out == f"{output}: written\n{render(False)}"
    assert [path.name for path in output.parent.iterdir()] == ["file.yaml"]
