"""`avvla cluster`: what a person types, sees and gets as exit code."""

import json
import sys

import pytest

from avvla import cli
from avvla.launcher import ray_command


@pytest.fixture
def avvla(capfd):
    def call(*arguments, code=0):
        assert cli.main(["cluster", *map(str, arguments)]) == code
        told = capfd.readouterr()
        if code == 1 and told.err:
            assert told.err.startswith("avvla: ")
            assert told.err.count("\n") == 1
        return told

    return call


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Where a person works, with a key, an image's record and a double of Ray's program."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "key").touch()
    (tmp_path / "job.py").touch()
    (tmp_path / "image.json").write_text(
        json.dumps(
            {
                "image_id": "ami-0123456789abcdef0",
                "region": "eu-west-1",
                "security_group_id": "sg-0123456789abcdef0",
            }
        )
    )
    program = tmp_path / "bin" / "ray"
    program.parent.mkdir()
    program.write_text(f"#!{sys.executable}\nimport sys; print('ray', sys.argv[1:]); sys.exit(5)\n")
    program.chmod(0o755)
    monkeypatch.setattr(ray_command.sys, "executable", str(program.with_name("python")))
    return tmp_path


HOSTS = ("--head", "10.0.0.1", "--worker", "10.0.0.2", "--ssh-user", "me", "--ssh-key", "key")
AWS = ("--zone", "eu-west-1a", "--ssh-key", "key")


@pytest.mark.parametrize("arguments", [("hosts", *HOSTS), ("aws", *AWS)])
def test_render_then_validate_then_print(folder, avvla, arguments):
    assert "cluster.yaml: written" in avvla("render", *arguments).out
    before = (folder / "cluster.yaml").read_bytes()
    avvla("render", *arguments)
    assert (folder / "cluster.yaml").read_bytes() == before
    assert avvla("validate").out == "cluster.yaml: 0 errors\n"
    assert avvla("up", "--print").out == (
        "ray up cluster.yaml --yes --no-config-cache --disable-usage-stats\n"
    )
    assert avvla("submit", "--print", "job.py", "--", "--n", 1).out == (
        "ray submit --disable-usage-stats cluster.yaml job.py -- --n 1\n"
    )
    assert avvla("attach", "--print", "--port", 8265).out == (
        "ray attach cluster.yaml --port-forward=8265\n"
    )
    assert avvla("down", "--print").out == "ray down cluster.yaml --yes\n"
    assert not (folder / ".ray").exists()


def test_the_image_is_written_into_the_file(folder, avvla):
    avvla("render", "aws", *AWS, "--mount", ".:~/avvla", "--exclude", ".git", "--output", "a.yaml")
    text = (folder / "a.yaml").read_text()
    assert text.count('ImageId: "ami-0123456789abcdef0"') == 2
    assert '"~/avvla": "."' in text


def test_up_makes_a_token_and_passes_rays_code_on(folder, avvla):
    avvla("render", "hosts", *HOSTS)
    told = avvla("up", "--no-restart", code=5).out.splitlines()
    assert told[0] == "~/.ray/auth_token: a new token for Ray"
    assert told[1].startswith("ray up cluster.yaml --yes ")
    assert told[2].startswith("ray ['up', 'cluster.yaml', '--yes'")
    token = (folder / ".ray" / "auth_token").read_text()
    assert token not in "".join(told)
    assert len(avvla("down", code=5).out.splitlines()) == 2


def test_a_file_with_problems_starts_nothing(folder, avvla):
    avvla("render", "aws", *AWS)
    path = folder / "cluster.yaml"
    path.write_text(path.read_text().replace("ami-0123456789abcdef0", "<ImageId>"))
    told = avvla("validate", code=1).out.splitlines()
    assert len(told) == 3
    assert told[0].startswith("error: cluster.yaml: available_node_types.head.node_config.ImageId")
    assert told[-1] == "cluster.yaml: 2 errors"
    for command in (["up"], ["down"], ["attach"], ["submit", "job.py"]):
        told = avvla(*command, code=1)
        assert "a placeholder: put a value there (and 1 more: `avvla cluster validate`)" in told.err
        assert told.out == ""


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("validate", "--file", "no.yaml"), "no.yaml is missing: write it with"),
        (("render", "aws", "--zone", "eu-west-3c"), "zone eu-west-3c is not in region eu-west-1"),
        (("render", "aws", "--zone", "x", "--image", "no.json"), "make it with `avvla aws create-"),
        (("render", "hosts", *HOSTS, "--worker", "10.0.0.2"), "'10.0.0.2' is listed twice"),
        (("submit", "no.py"), "no.py is no file"),
    ],
)
def test_bad_input_is_one_line(folder, avvla, arguments, told):
    assert told in avvla(*arguments, code=1).err
    assert not (folder / "cluster.yaml").exists()


def test_files_that_are_not_here(folder, avvla):
    avvla("render", "hosts", *HOSTS)
    (folder / "key").unlink()
    assert "auth.ssh_private_key is 'key', which is not on this machine" in (
        avvla("validate", code=1).out
    )
    assert "which is not on this machine" in avvla("up", code=1).err


@pytest.mark.parametrize("options", [("--print",), ("--print", "--stop")])
def test_options_may_stand_between_a_script_and_its_arguments(folder, avvla, options):
    avvla("render", "hosts", *HOSTS)
    first = avvla("submit", *options, "job.py", "--", "--n", "3", "--")
    assert first.out.endswith("cluster.yaml job.py -- --n 3 --\n")
    assert avvla("submit", "job.py", *options, "--", "--n", "3", "--") == first


@pytest.mark.parametrize("port", ["0", "65536", "dashboard", "²"])
def test_a_port_that_is_none_is_wrong_usage(port, capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main(["cluster", "attach", "--port", port])
    assert stop.value.code == 2
    assert f"{port!r} is no port, expected 1 to 65535" in capsys.readouterr().err
