"""docker/images.py without an engine: a double of docker answers, archives are made here."""

import importlib.util
import io
import json
import os
import re
import tarfile
from pathlib import Path

import pytest

PROGRAM = Path(__file__).parents[2] / "docker/images.py"

DOUBLE = """\
#!/bin/sh
# A double of docker: answers what its variables say; a build is a copy of an archive.
case "$1 $2" in
"version --format") [ -n "$ENGINE" ] && echo "$ENGINE" ;;
"buildx version") [ -n "$BUILDX" ] && echo "github.com/docker/buildx $BUILDX" ;;
"buildx inspect") echo "Platforms: $OFFERED" ;;
"buildx bake")
    if [ "$3" = --print ]; then cat "$PLAN"; exit; fi
    echo "$@" >>"$CALLS"
    for word; do case "$word" in *dest=*) cp "$ARCHIVE" "${word##*dest=}" ;; esac; done
    exit "$CODE" ;;
"load --quiet" | "push --quiet") echo "$@" >>"$CALLS" ;;
esac
"""


def archive(path: Path, digest: str) -> Path:
    """An OCI archive with an index of two platforms."""
    manifests = [
        {"digest": f"{digest}-{name}", "platform": {"os": "linux", "architecture": name}}
        for name in ("amd64", "arm64")
    ]
    index = "application/vnd.oci.image.index.v1+json"
    top = {"manifests": [{"mediaType": index, "digest": "sha256:abc"}]}
    files = {"index.json": top, "blobs/sha256/abc": {"manifests": manifests}}
    with tarfile.open(path, "w") as tar:
        for name, content in files.items():
            data = json.dumps(content).encode()
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return path


@pytest.fixture
def images():
    spec = importlib.util.spec_from_file_location("images_program", PROGRAM)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Sets what the double answers; gives the file with the builds that were asked for."""
    program = tmp_path / "bin/docker"
    program.parent.mkdir()
    program.write_text(DOUBLE)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent), prepend=os.pathsep)
    calls = tmp_path / "calls"
    usual = {"ENGINE": "28.5.2", "BUILDX": "v0.29.1", "OFFERED": "linux/amd64, linux/arm64"}
    tags = {"driver": ["avvla/driver:1"], "sim": ["avvla/sim:1"]}
    plan = {name: {"tags": found} for name, found in tags.items()} | {"tools": {}}
    (tmp_path / "plan").write_text(json.dumps({"target": plan}))
    files = {"CALLS": str(calls), "PLAN": str(tmp_path / "plan"), "CODE": "0"}
    archived = {"ARCHIVE": str(archive(tmp_path / "archive", "x"))}
    for name, value in {**usual, **files, **archived}.items():
        monkeypatch.setenv(name, value)
    for name in ("PLATFORMS", "REGISTRY", "AVVLA_BUILD_CA"):
        monkeypatch.delenv(name, raising=False)
    return calls


def test_a_build_is_one_call_of_bake_and_goes_into_the_store(images, docker, capfd) -> None:
    assert images.main(["build", "driver", "sim"]) == 0
    bake, *loads = docker.read_text().splitlines()
    assert bake.startswith("buildx bake --progress plain --set driver.output=type=oci,")
    assert bake.endswith(" driver sim")
    names = [re.sub("/.*/", "", line) for line in loads]
    assert names == [f"load --quiet --input {name}.tar" for name in ("driver", "sim")]
    told = capfd.readouterr().out
    assert "images: driver sim in 0 s" in told
    assert "images: avvla/sim:1 linux/arm64 x-arm64" in told


def test_a_push_comes_after_the_build(images, docker, monkeypatch) -> None:
    monkeypatch.setenv("REGISTRY", "registry.example/team/")
    assert images.main(["push"]) == 0
    pushed = [line for line in docker.read_text().splitlines() if line.startswith("push")]
    assert pushed == ["push --quiet avvla/driver:1", "push --quiet avvla/sim:1"]


def test_a_store_of_certificates_is_a_secret_of_the_build(
    images, docker, monkeypatch, tmp_path
) -> None:
    store = tmp_path / "ca.crt"
    store.touch()
    monkeypatch.setenv("AVVLA_BUILD_CA", str(store))
    assert images.main(["build"]) == 0
    assert f"--allow=fs.read={store} --set *.secrets=id=ca,src={store}" in docker.read_text()


@pytest.mark.parametrize(
    ("verb", "change", "told"),
    [
        ("build", {"ENGINE": ""}, "no Docker engine answers"),
        ("build", {"ENGINE": "24.0.9"}, "engine is 24.0, expected 25.0 or newer"),
        ("build", {"BUILDX": ""}, "install the plug-in docker-buildx"),
        ("build", {"BUILDX": "v0.11.2"}, "buildx is 0.11, expected 0.17 or newer"),
        ("verify", {"OFFERED": "linux/amd64"}, "cannot run linux/arm64: register emulation"),
        ("build", {"PLATFORMS": "linux/riscv64"}, "cannot run linux/riscv64"),
        ("build", {"AVVLA_BUILD_CA": "/no/such/file"}, "'/no/such/file', which is no file"),
        ("build", {"CODE": "1"}, "`docker buildx bake` failed, see above"),
        ("push", {}, "REGISTRY is not set"),
    ],
)
def test_what_cannot_work_is_one_line(
    images, docker, monkeypatch, capfd, verb: str, change: dict[str, str], told: str
) -> None:
    for name, value in change.items():
        monkeypatch.setenv(name, value)
    assert images.main([verb]) == 1
    (line,) = capfd.readouterr().err.splitlines()
    assert line.startswith("images: ")
    assert told in line


def test_no_checkout(images, docker, monkeypatch, capfd, tmp_path) -> None:
    (tmp_path / "pyproject.toml").write_text('[project]\nversion = "1"\n')
    monkeypatch.setattr(images, "ROOT", tmp_path)
    assert images.main(["build"]) == 1
    assert "this is no git checkout" in capfd.readouterr().err


def test_wrong_usage(images, capfd) -> None:
    assert images.main([]) == images.main(["paint"]) == 2
    assert "images.py verify" in capfd.readouterr().err


def test_digests_by_platform(images, tmp_path) -> None:
    found = images.digests(archive(tmp_path / "a.tar", "x"))
    assert found == {"linux/amd64": "x-amd64", "linux/arm64": "x-arm64"}


@pytest.mark.parametrize(("second", "code", "told"), [("x", 0, "same"), ("y", 1, "DIFFERS from y")])
def test_two_builds_are_compared(
    images, monkeypatch, capsys, second: str, code: int, told: str
) -> None:
    contents = iter(["x", second])

    def build(targets, values, folder, *options):
        assert options == ("--no-cache",)
        return {"driver": archive(folder / "driver.tar", next(contents))}

    monkeypatch.setattr(images, "bake", build)
    assert images.verify({"driver": "avvla/driver:1"}, {}) == code
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if "linux/arm64" in line] == [
        f"images: driver linux/arm64 x-arm64 {told}{'-arm64' if code else ''}"
    ]
