"""docker/send.sh with doubles: ssh runs commands in a folder, docker saves and loads a file."""

import os
from pathlib import Path

import pytest

SSH = """\
#!/bin/sh
# A double of ssh: the other host is a folder of this one. It can lose a connection after N bytes.
shift
cd "$REMOTE" || exit 255
case "$*" in
"uname -m") [ -n "$MACHINE" ] && echo "$MACHINE" ;;
"docker version") exit "$ENGINE" ;;
"cat >>"*) if [ -n "$LOSE" ]; then head -c "$LOSE" | sh -c "$*"; exit 255; else sh -c "$*"; fi ;;
*) sh -c "$*" ;;
esac
"""
DOCKER = """\
#!/bin/sh
# A double of docker: an image is the file $IMAGE, for one platform.
case "$1 $2" in
"image inspect") [ "$4" = "$HAS" ] && echo sha256:1234 ;;
"save --platform") echo saved >>"$IMAGE.log"; cp "$IMAGE" "$5" ;;
"load --quiet") cat >loaded ;;
esac
"""


@pytest.fixture
def send(tmp_path: Path, shell):
    remote, image = tmp_path / "remote", tmp_path / "image"
    for name, text in (("ssh", SSH), ("docker", DOCKER)):
        program = tmp_path / "bin" / name
        program.parent.mkdir(exist_ok=True)
        program.write_text(text)
        program.chmod(0o755)
    remote.mkdir()
    image.write_bytes(bytes(range(256)) * 40)
    usual = {
        "PATH": f"{tmp_path}/bin{os.pathsep}{os.environ['PATH']}",
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
        "REMOTE": str(remote),
        "IMAGE": str(image),
        **{"MACHINE": "aarch64", "ENGINE": "0", "LOSE": "", "HAS": "linux/arm64"},
    }

    def run(**change: str):
        command = ["docker/send.sh", "gb10", "avvla/driver:1"]
        return shell(*command, fine=False, **{**usual, **change})

    return run


def test_an_image_arrives_and_leaves_nothing_behind(send, tmp_path) -> None:
    done = send()
    assert done.returncode == 0, done.stderr
    assert "avvla/driver:1 for linux/arm64 is on gb10, 10240 bytes" in done.stdout
    assert (tmp_path / "remote/loaded").read_bytes() == (tmp_path / "image").read_bytes()
    assert list((tmp_path / "remote/avvla-images").iterdir()) == []
    assert list((tmp_path / "cache/avvla/send").iterdir()) == []


def test_a_lost_connection_goes_on_where_it_broke(send, tmp_path) -> None:
    first = send(LOSE="4000")
    assert first.returncode == 1
    assert "the connection to gb10 broke" in first.stderr
    second = send()
    assert second.returncode == 0, second.stderr
    assert "goes on at byte 4000 of 10240" in second.stdout
    assert (tmp_path / "remote/loaded").read_bytes() == (tmp_path / "image").read_bytes()
    assert (tmp_path / "image.log").read_text() == "saved\n"


def test_what_arrived_damaged_is_not_loaded(send, tmp_path) -> None:
    send(LOSE="4000")
    (part,) = (tmp_path / "remote/avvla-images").iterdir()
    part.write_bytes(bytes(4000))
    done = send()
    assert done.returncode == 1
    assert "arrived damaged and was removed" in done.stderr
    assert not part.exists()
    assert not (tmp_path / "remote/loaded").exists()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"MACHINE": ""}, "ssh gb10 failed"),
        ({"MACHINE": "riscv64"}, "gb10 is a riscv64, expected x86_64 or aarch64"),
        ({"MACHINE": "x86_64"}, "is not here for linux/amd64, which gb10 needs"),
        ({"ENGINE": "1"}, "no Docker engine answers on gb10"),
    ],
)
def test_what_cannot_work_is_one_line(send, change: dict[str, str], told: str) -> None:
    done = send(**change)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("send: ")
    assert told in line


def test_wrong_usage(shell) -> None:
    done = shell("docker/send.sh", "gb10", fine=False)
    assert (done.returncode, done.stderr) == (2, "usage: docker/send.sh HOST IMAGE...\n")
