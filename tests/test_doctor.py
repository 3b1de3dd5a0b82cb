from dataclasses import replace

import pytest
from rich.console import Console

from avvla.doctor import GIB, Check, abilities, checks, report
from avvla.probe import Facts, Folder, Gpu

WORKSTATION = Facts(
    python=(3, 12, 1),
    machine="x86_64",
    cores=16,
    memory=64 * GIB,
    device="cuda",
    torch="2.11.0+cu130",
    cuda="13.0",
    gpus=(Gpu("NVIDIA GeForce RTX 4090", 25_393_692_672),),
    nvidia_driver="580.95.05",
    folders=(
        Folder("AVVLA_DATA", "/data", 900 * GIB, ""),
        Folder("AVVLA_WORK", "/work", 900 * GIB, ""),
    ),
    pyav="15.1.0",
    ffmpeg="7.1",
    git="2.50.0",
    dvc="3.67.1",
    engine="28.5.2",
    buildx="github.com/docker/buildx v0.29.1 0.29.1",
    compose="2.40.3",
    foreign_images=(),
    hf_token=True,
    wandb_key=True,
    busy_ports=frozenset(),
)
LAPTOP = replace(WORKSTATION, device="cpu", gpus=(), nvidia_driver="")
GB10 = replace(WORKSTATION, machine="aarch64", gpus=(Gpu("NVIDIA GB10", 128 * 10**9),))


def row(rows: list[Check], name: str) -> Check:
    (found,) = [check for check in rows if check.name == name]
    return found


def verdicts(facts: Facts) -> dict[str, str]:
    return {check.name: check.verdict for check in abilities(facts)}


def test_a_whole_workstation_has_nothing_to_improve() -> None:
    rows = checks(WORKSTATION) + abilities(WORKSTATION)
    assert {check.verdict for check in rows} == {"ok"}
    assert {check.advice for check in rows} == {""}
    assert row(rows, "GPU").value == "NVIDIA GeForce RTX 4090 23.6 GiB"


def test_a_laptop_runs_the_embedded_pipeline_and_the_driver() -> None:
    assert verdicts(LAPTOP) == {
        "embedded pipeline": "ok",
        "profile embedded_long": "warn",
        "training at full size": "missing",
        "driver": "ok",
        "Alpasim host": "missing",
    }


def test_the_gb10_drives_but_hosts_no_alpasim() -> None:
    assert verdicts(GB10)["driver"] == "ok"
    assert verdicts(GB10)["training at full size"] == "ok"
    assert verdicts(GB10)["Alpasim host"] == "missing"


@pytest.mark.parametrize(
    ("changes", "name", "verdict", "advice"),
    [
        ({"python": (3, 11, 9)}, "Python", "missing", "make setup"),
        ({"python": (3, 14, 0)}, "Python", "missing", "make setup"),
        ({"torch": ""}, "torch", "missing", "make setup"),
        ({"pyav": ""}, "PyAV", "missing", "make setup"),
        ({"git": ""}, "git", "missing", "install git"),
        ({"dvc": ""}, "dvc", "missing", "make setup"),
        ({"ffmpeg": ""}, "ffmpeg", "warn", "PyAV"),
        ({"gpus": (), "device": "cpu"}, "CUDA", "warn", "580"),
        ({"gpus": (), "device": "cpu", "nvidia_driver": ""}, "CUDA", "warn", "on the CPU"),
        ({"gpus": ()}, "AVVLA_DEVICE", "missing", "torch sees no GPU"),
        ({"device": "cpu"}, "AVVLA_DEVICE", "warn", "AVVLA_DEVICE=cuda"),
        ({"engine": ""}, "Docker engine", "warn", "start Docker"),
        ({"engine": "24.0.9"}, "Docker engine", "warn", "expected 25.0 or newer"),
        ({"buildx": ""}, "buildx", "warn", "docker-buildx"),
        ({"buildx": "github.com/docker/buildx v0.9.1"}, "buildx", "warn", "expected 0.17"),
        ({"compose": ""}, "compose", "warn", "docker-compose"),
        ({"compose": "2.9.0"}, "compose", "warn", "expected 2.24"),
        ({"foreign_images": ("avvla/driver:1 arm64",)}, "images", "warn", "not for x86_64"),
        ({"memory": 4 * GIB}, "memory", "warn", "AVVLA_WORKERS=1"),
        ({"hf_token": False}, "Hugging Face token", "warn", "hf auth login"),
        ({"wandb_key": False}, "W&B key", "warn", "WANDB_API_KEY"),
        ({"busy_ports": frozenset({6000})}, "port 6000", "warn", "another process"),
        (
            {"folders": (Folder("AVVLA_DATA", "/d", GIB, ""),)},
            "AVVLA_DATA",
            "warn",
            "make room",
        ),
        (
            {"folders": (Folder("AVVLA_DATA", "/d", GIB, "/d cannot be written"),)},
            "AVVLA_DATA",
            "missing",
            "/d cannot be written; set AVVLA_DATA",
        ),
    ],
)
def test_what_is_wrong_comes_with_advice(
    changes: dict[str, object], name: str, verdict: str, advice: str
) -> None:
    facts = replace(WORKSTATION, **changes)  # type: ignore[arg-type]
    found = row(checks(facts), name)
    assert found.verdict == verdict
    assert advice in found.advice
    assert (verdicts(facts)["embedded pipeline"] == "missing") == (verdict == "missing")


def test_a_busy_port_stops_the_driver() -> None:
    assert verdicts(replace(WORKSTATION, busy_ports=frozenset({6000})))["driver"] == "missing"
    assert verdicts(replace(WORKSTATION, busy_ports=frozenset({50051})))["driver"] == "ok"


def test_the_largest_gpu_counts() -> None:
    small = Gpu("small", 8 * GIB)
    both = replace(WORKSTATION, gpus=(small, *WORKSTATION.gpus))
    assert verdicts(both)["training at full size"] == "ok"
    assert verdicts(replace(both, gpus=(small,)))["training at full size"] == "missing"


def test_what_the_embedded_pipeline_lacks_is_named() -> None:
    lacking = abilities(replace(WORKSTATION, torch="", git=""))[0]
    assert lacking.advice == "see torch, git above"


@pytest.mark.parametrize(("facts", "code"), [(LAPTOP, 0), (replace(LAPTOP, dvc=""), 1)])
def test_the_report_without_a_terminal(facts: Facts, code: int) -> None:
    path = "/a/long/folder/with[bold]brackets/" + "x" * 100
    facts = replace(facts, folders=(Folder("AVVLA_DATA", path, 9 * GIB, ""),))
    console = Console(width=100, record=True, file=None, quiet=False)
    with console.capture() as captured:
        assert report(facts, console) == code
    text = captured.get()
    assert "\x1b" not in text
    assert "what this host can run" in text
    folded = "".join(line.split("│")[2].strip() for line in text.splitlines() if "│" in line)
    assert path in folded
