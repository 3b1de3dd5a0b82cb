"""The flake holds what the images hold; evaluating it needs nix (docs/nix.md)."""

import json
import re
import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NIX = (ROOT / "nix/default.nix").read_text()
WHEELS = json.loads((ROOT / "nix/driver-wheels.json").read_text())
LOCK = (ROOT / "requirements/driver.lock").read_text()


def name(text: str) -> str:
    return re.sub(r"[-_.]+", "-", text).lower()


@pytest.mark.parametrize(
    ("system", "machine"), [("x86_64-linux", "x86_64"), ("aarch64-linux", "aarch64")]
)
def test_the_wheels_are_those_of_the_lock(system: str, machine: str) -> None:
    pinned = {}
    for block in re.split(r"\n(?=\S)", LOCK):
        key, version = re.match(r"([\w.-]+)==(\S+)", block).groups()
        pinned[name(key), version] = re.findall(r"sha256:([0-9a-f]{64})", block)
    assert {(name(w["pname"]), w["version"]) for w in WHEELS[system]} == set(pinned)
    for wheel in WHEELS[system]:
        assert wheel["sha256"] in pinned[name(wheel["pname"]), wheel["version"]]
        assert wheel["platform"] == "any" or wheel["platform"].endswith(machine)
        assert wheel["python"] in {"cp313", "py3", "py2.py3"} or wheel["abi"] == "abi3"


def test_the_driver_has_one_python_in_the_flake_and_in_the_images() -> None:
    (python,) = re.findall(r"python = pkgs\.python(3)(\d+);", NIX)
    bake = (ROOT / "docker-bake.hcl").read_text()
    assert ".".join(python) == "3.13"
    assert "Debian with Python 3.13" in bake


def test_the_shells_have_the_python_of_the_checkout() -> None:
    wanted = (ROOT / ".python-version").read_text().strip().split(".")[:2]
    assert f"pkgs.python{''.join(wanted)}\n" in NIX


def test_the_lock_holds_the_input_to_a_revision() -> None:
    lock = json.loads((ROOT / "flake.lock").read_text())
    locked = lock["nodes"][lock["nodes"][lock["root"]]["inputs"]["nixpkgs"]]["locked"]
    assert re.fullmatch("[0-9a-f]{40}", locked["rev"])
    assert re.fullmatch("sha256-[A-Za-z0-9+/]{43}=", locked["narHash"])
    assert "nixos-unstable" in (ROOT / "flake.nix").read_text()


def test_the_flake_evaluates_for_both_systems(shell) -> None:
    if shutil.which("nix") is None:
        pytest.skip("nix is not installed: the flake was not evaluated")
    options = ["--no-build", "--all-systems", "--no-write-lock-file"]
    experiment = ["--extra-experimental-features", "nix-command flakes"]
    override = ["--override-input", "nixpkgs", "path:./tests/nix-stub"]
    shell("nix", *experiment, "flake", "check", *options, *override, timeout=240)
