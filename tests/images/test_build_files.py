"""Dockerfiles, docker-bake.hcl and the locks of the images, without an engine but for one test."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCKERFILES = sorted(path.name for path in (ROOT / "docker").glob("*.Dockerfile"))
HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")

MODULES = {
    "driver": ["cli", "driver.server", "driver.canaries", "driver.health", "doctor", "probe"],
    "sim": [
        *("cli", "driver.health", "doctor", "probe", "results"),
        *(f"alpasim.{path.stem}" for path in (ROOT / "avvla/alpasim").glob("[a-z]*.py")),
    ],
}
ELSEWHERE = {"avvla.alpasim.video", "avvla.alpasim.export"}
"""Draw video: with the project's own environment or the image `pipeline`."""

IMPORTED = """
import importlib, importlib.metadata, sys
names, pins = sys.argv[1].split(), sys.argv[2].split()
for name in names:
    importlib.import_module(name)
files = ((n, getattr(m, "__file__", None) or "") for n, m in list(sys.modules.items()))
tops = {name.split(".")[0] for name, file in files if "site-packages" in file}
for pin in pins:
    tops -= {path.parts[0].split(".")[0] for path in importlib.metadata.distribution(pin).files}
print(sorted(tops - {"avvla", "_distutils_hack"}))
"""


def lock(name: str) -> str:
    return (ROOT / f"requirements/{name}.lock").read_text()


@pytest.mark.parametrize("image", MODULES)
def test_the_lock_of_a_lean_image_has_all_that_its_commands_import(image: str) -> None:
    names = {f"avvla.{name}" for name in MODULES[image]} - ELSEWHERE
    # Those with a marker are for other systems.
    pins = re.findall(r"^([\w.-]+)==\S+ \\$", lock(image), re.MULTILINE)
    command = [sys.executable, "-c", IMPORTED, " ".join(sorted(names)), " ".join(pins)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"


def test_the_lean_image_is_lean() -> None:
    pinned = set(re.findall(r"^([\w.-]+)==", lock("driver"), re.MULTILINE))
    assert pinned.isdisjoint({"torch", "lerobot", "opencv-python-headless", "scipy", "pandas"})


def test_one_uv_builds_the_environment_here_and_in_the_images() -> None:
    (here,) = re.findall(r"^UV_VERSION := (\S+)", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert f"\nuv=={here} " in lock("build")


def test_what_an_image_copies_is_in_the_context() -> None:
    ignore = (ROOT / ".dockerignore").read_text().splitlines()
    sent = [line[1:] for line in ignore if line.startswith("!")]
    for name in DOCKERFILES:
        text = (ROOT / "docker" / name).read_text().replace("\\\n", " ")
        for line in re.findall(r"^COPY (?!.*--from)(.*)$", text, re.MULTILINE):
            *sources, _ = [word for word in line.split() if not word.startswith("--")]
            for source in sources:
                assert any(source == path or source.startswith(f"{path}/") for path in sent), source
                assert (ROOT / source).exists()


@pytest.mark.parametrize("name", DOCKERFILES)
def test_hadolint_finds_nothing(name: str, shell) -> None:
    program = Path(sys.executable).with_name("hadolint")
    if not program.exists():
        pytest.skip("hadolint is not installed: it was not run")
    assert shell(str(program), f"docker/{name}").stdout == ""


@pytest.fixture
def plan(shell, buildx):
    def read(*targets: str, **env: str) -> dict[str, dict[str, object]]:
        done = shell("docker", "buildx", "bake", "--print", *targets, **env)
        return json.loads(done.stdout)["target"]

    return read


def test_the_plan_names_tags_labels_and_platforms(plan) -> None:
    targets = plan("everything", REGISTRY="registry.example/team/", VERSION="7", REVISION="abc")
    images = {name: target for name, target in targets.items() if "tags" in target}
    assert set(images) == {"driver", "driver-full", "sim", "pipeline", "carla-agent", "labeler"}
    for name, target in images.items():
        assert target["tags"] == [f"registry.example/team/avvla/{name}:7"]
        labels = target["labels"]
        assert labels["org.opencontainers.image.version"] == "7"
        assert labels["org.opencontainers.image.revision"] == "abc"
        assert labels["org.opencontainers.image.title"]
        both = ["linux/amd64", "linux/arm64"]
        assert target["platforms"] == (both[:1] if name in {"carla-agent", "labeler"} else both)
        assert {"type": "provenance", "disabled": True} in target["attest"]
        (output,) = target["output"]
        assert output["rewrite-timestamp"] == "true"


def test_the_base_is_the_users_choice(plan) -> None:
    base = "debian:trixie-slim@sha256:" + "0" * 64
    assert plan("tools", BASE_IMAGE=base)["tools"]["args"]["BASE_IMAGE"] == base


def test_buildx_finds_nothing_to_check(shell, engine, buildx) -> None:
    # Nothing is run, so any image that is here stands for the others; --check takes no stages.
    base = "debian:trixie-slim"
    command = ["docker", "buildx", "bake", "--check", "--set", "*.output=type=cacheonly"]
    for stage in ("tools", "runtime"):
        command += ["--set", f"*.contexts.{stage}=docker-image://{base}"]
    bases = {"PYTHON312_IMAGE": base, "LABELER_IMAGE": base}
    targets = ["tools", "runtime", "everything"]
    done = shell(*command, *targets, fine=False, timeout=300, **bases)
    assert done.returncode == 0, done.stderr
    assert "WARNING" not in done.stdout + done.stderr


@pytest.mark.parametrize("script", ["install.sh", "pipeline.sh", "send.sh"])
def test_a_script_is_sound(script: str, shell) -> None:
    if shutil.which("shellcheck") is None:
        pytest.skip("shellcheck is not installed: it was not run")
    shell("shellcheck", f"docker/{script}")


def test_another_architecture_has_no_wheels(shell) -> None:
    done = shell("sh", "docker/install.sh", "requirements/driver.lock", "riscv64", fine=False)
    assert done.returncode == 1
    assert "no wheels for the architecture riscv64, expected amd64 or arm64" in done.stderr


@pytest.mark.parametrize("missing", ["folder", "checkout"])
def test_the_pipeline_names_a_volume_that_cannot_work(missing: str, tmp_path: Path, shell) -> None:
    text = (ROOT / "docker/pipeline.sh").read_text().replace("/project", f"{tmp_path}/project")
    (tmp_path / "entry").write_text(text)
    (tmp_path / "project/.dvc/cache").mkdir(parents=True)
    data = tmp_path / ("absent" if missing == "folder" else "project")
    env = {"AVVLA_DATA": str(data), "AVVLA_WORK": str(tmp_path)}
    done = shell("sh", str(tmp_path / "entry"), "repro", fine=False, **env)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    wanted = {
        "folder": f"pipeline: {data} cannot be written by uid",
        "checkout": f"pipeline: {tmp_path}/project holds no dvc.yaml",
    }
    assert wanted[missing] in line
