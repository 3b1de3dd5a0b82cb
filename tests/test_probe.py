import socket
from pathlib import Path

import pytest

from avvla import host, probe
from avvla.errors import UserError


def test_a_folder_that_is_there(tmp_path: Path) -> None:
    folder = probe.inspect_folder("AVVLA_DATA", lambda: tmp_path)
    assert folder.free > 0
    assert (folder.variable, folder.path, folder.problem) == ("AVVLA_DATA", str(tmp_path), "")


def test_a_folder_that_is_not_there_yet_is_not_made(tmp_path: Path) -> None:
    folder = probe.inspect_folder("AVVLA_DATA", lambda: tmp_path / "a" / "b")
    assert folder.problem == ""
    assert folder.free > 0
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.access", lambda *_: False)
    folder = probe.inspect_folder("AVVLA_DATA", lambda: tmp_path / "new")
    assert folder.problem == f"{tmp_path} cannot be written"


def test_a_file_in_place_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    folder = probe.inspect_folder("AVVLA_DATA", lambda: tmp_path / "file" / "data")
    assert folder.problem == f"{tmp_path}/file is no folder"


def test_a_bad_variable_is_a_fact(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AVVLA_DATA", "relative")
    folder = probe.inspect_folder("AVVLA_DATA", host.data_root)
    assert folder.path == "relative"
    assert "expected an absolute path" in folder.problem
    with pytest.raises(UserError):
        host.data_root()


def test_a_port_with_a_server_is_not_free() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert not probe.is_free(port)
    assert probe.is_free(port)


def test_a_server_on_every_address_takes_the_port_too() -> None:
    with socket.create_server(("0.0.0.0", 0)) as server:
        assert not probe.is_free(server.getsockname()[1])


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (None, False),
        ("machine api.wandb.ai login user password secret\n", True),
        ("machine example.org login user password secret\n", False),
        ("machine", False),
    ],
)
def test_wandb_key_of_netrc(
    tmp_path: Path, text: str | None, found: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    if text is not None:
        (tmp_path / ".netrc").write_text(text)
        (tmp_path / ".netrc").chmod(0o600)
    assert probe.has_wandb_key() is found


def test_the_facts_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_very_secret")
    monkeypatch.setenv("WANDB_API_KEY", "very_secret")
    facts = probe.probe()
    assert facts.hf_token
    assert facts.wandb_key
    assert "secret" not in repr(facts)
    assert facts.torch.startswith("2.")
    assert facts.git
    assert facts.dvc
    assert facts.pyav


def test_without_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "torch", None)
    assert probe._torch() == ("", "", ())
    assert probe._first_line("no-such-program-of-avvla") == ""
    assert probe._version("no-such-distribution-of-avvla") == ""


DOCKER = """\
#!/bin/sh
# A double of docker with two images, one for each architecture.
case "$1 $2" in
"version --format") echo 28.5.2 ;;
"buildx version") echo "github.com/docker/buildx v0.29.1 abc" ;;
"compose version") echo 2.40.3 ;;
"image ls") echo one; echo two ;;
"image inspect") echo avvla/driver:1 amd64; echo avvla/driver:2 arm64 ;;
esac
"""


@pytest.mark.parametrize(
    ("machine", "foreign"),
    [("x86_64", "avvla/driver:2 arm64"), ("aarch64", "avvla/driver:1 amd64")],
)
def test_images_for_another_architecture(
    machine: str, foreign: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "docker"
    program.write_text(DOCKER)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setattr("platform.machine", lambda: machine)
    assert probe._foreign_images() == (foreign,)


def test_without_docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert probe._foreign_images() == ()
    assert probe._first_line("docker", "version") == ""


def test_without_the_library_of_the_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "huggingface_hub", None)
    assert not probe.has_hf_token()
