"""Build the images of this checkout, and show that a second build gives the same bytes.

    python docker/images.py build  [TARGET...]   into the engine's store, for both platforms
    python docker/images.py push   [TARGET...]   to $REGISTRY
    python docker/images.py verify [TARGET...]   two builds without a cache, digests compared

`make images`, `make images-full` and `make images-verify` call it. Targets, tags and variables are
those of docker-bake.hcl; without a target, its group `default`. $AVVLA_BUILD_CA is a file of
certificates for a builder behind a proxy. It runs before `make setup`, on the standard library.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tarfile
import tempfile
import time
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
EMULATED = {"linux/amd64", "linux/arm64"}
LEAST = {"engine": (25, 0), "buildx": (0, 17)}
"""HEALTHCHECK --start-interval; `bake --allow`."""


class UserError(Exception):
    """Told in one line; exit code 1."""


def main(argv: list[str]) -> int:
    if not argv or argv[0] not in ("build", "push", "verify"):
        print(__doc__, file=sys.stderr)
        return 2
    verb, wanted = argv[0], argv[1:] or ["default"]
    try:
        check_engine()
        values = variables()
        if verb == "push" and not values.get("REGISTRY"):
            raise UserError("REGISTRY is not set: set it to registry/team/, as in docs/deploy.md")
        images = planned(wanted, values)
        if verb == "verify":
            return verify(images, values)
        build(images, values, push=verb == "push")
    except UserError as error:
        print(f"images: {error}", file=sys.stderr)
        return 1
    return 0


def variables() -> dict[str, str]:
    """The environment with the values that this checkout gives to docker-bake.hcl.

    What is set already holds. SOURCE_DATE_EPOCH is the time of the commit, so that an image made of
    the same commit on another day is the same.
    """
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    found = {
        "VERSION": str(project["version"]),
        "REVISION": _git("describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"),
        "SOURCE_DATE_EPOCH": _git("log", "-1", "--format=%ct"),
    }
    return {**found, **os.environ}


def check_engine() -> None:
    """Whether there is an engine with a buildx that can do what docker-bake.hcl asks for.

    Raises:
        UserError: what is missing or too old, and what to do.
    """
    engine = _told("docker", "version", "--format", "{{.Server.Version}}")
    if engine is None:
        raise UserError(
            "no Docker engine answers: install it or start it, or set DOCKER_HOST to where it is"
        )
    require("engine", engine)
    buildx = _told("docker", "buildx", "version")
    if buildx is None:
        raise UserError("docker has no buildx: install the plug-in docker-buildx")
    require("buildx", buildx)
    wanted = set(os.environ.get("PLATFORMS", ",".join(EMULATED)).split(","))
    builder = _told("docker", "buildx", "inspect") or ""
    offered = set(re.findall(r"linux/[a-z0-9]+", builder))
    if offered and (lacking := wanted - offered):
        raise UserError(
            f"this builder cannot run {', '.join(sorted(lacking))}: register emulation (Debian:"
            " qemu-user-static and binfmt-support), or set PLATFORMS to what it has"
        )


def require(name: str, told: str) -> None:
    """Compare a version with the least that works.

    Raises:
        UserError: it is older.
    """
    found = re.search(r"(\d+)\.(\d+)", told)
    least = LEAST[name]
    if found and (int(found[1]), int(found[2])) < least:
        raise UserError(
            f"{name} is {found[0]}, expected {'.'.join(map(str, least))} or newer: update Docker"
        )


def build(images: dict[str, str], values: dict[str, str], *, push: bool) -> None:
    """Build images (target to tag) into the engine's store, and from there to the registry.

    By way of archives: the engine's own exporter does not rewrite the times of files.

    Raises:
        UserError: a build or a transfer failed.
    """
    with tempfile.TemporaryDirectory() as folder:
        begin = time.monotonic()
        archives = bake(list(images), values, Path(folder))
        print(f"images: {' '.join(images)} in {time.monotonic() - begin:.0f} s")
        for target, archive in archives.items():
            run("docker", "load", "--quiet", "--input", str(archive))
            for platform, digest in sorted(digests(archive).items()):
                print(f"images: {images[target]} {platform} {digest}")
    for tag in images.values() if push else ():
        run("docker", "push", "--quiet", tag)


def bake(
    targets: list[str], values: dict[str, str], folder: Path, *options: str
) -> dict[str, Path]:
    """The OCI archive of each target, in `folder`.

    Raises:
        UserError: the build failed; the builder's own words stand above.
    """
    command = ["docker", "buildx", "bake", "--progress", "plain", *options]
    archives = {target: folder / f"{target}.tar" for target in targets}
    for target, archive in archives.items():
        command += ["--set", f"{target}.output=type=oci,rewrite-timestamp=true,dest={archive}"]
    command += [f"--allow=fs.write={folder}"]
    if store := values.get("AVVLA_BUILD_CA"):
        if not Path(store).is_file():
            raise UserError(f"AVVLA_BUILD_CA is {store!r}, which is no file")
        command += [f"--allow=fs.read={store}", "--set", f"*.secrets=id=ca,src={store}"]
    run(*command, *targets, env=values)
    return archives


def run(*command: str, env: dict[str, str] | None = None) -> None:
    """A command with its output shown.

    Raises:
        UserError: it failed.
    """
    if subprocess.run(command, cwd=ROOT, env=env, check=False).returncode:
        raise UserError(f"`{' '.join(command[:3])}` failed, see above")


def verify(images: dict[str, str], values: dict[str, str]) -> int:
    """Build twice without a cache, print the digests by platform; 1 where they differ."""
    rounds: list[dict[tuple[str, str], str]] = []
    for number in (1, 2):
        with tempfile.TemporaryDirectory() as folder:
            begin = time.monotonic()
            archives = bake(list(images), values, Path(folder), "--no-cache")
            print(f"images: build {number} in {time.monotonic() - begin:.0f} s", flush=True)
            rounds.append(
                {
                    (target, platform): digest
                    for target, archive in archives.items()
                    for platform, digest in digests(archive).items()
                }
            )
    first, second = rounds
    for (target, platform), digest in sorted(first.items()):
        other = second.get((target, platform), "absent")
        verdict = "same" if digest == other else f"DIFFERS from {other}"
        print(f"images: {target} {platform} {digest} {verdict}")
    return int(first != second)


def planned(targets: list[str], values: dict[str, str]) -> dict[str, str]:
    """The images that targets and groups stand for, and their tags.

    Raises:
        UserError: docker-bake.hcl has no such target.
    """
    done = subprocess.run(
        ["docker", "buildx", "bake", "--print", *targets],
        cwd=ROOT,
        env=values,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise UserError((done.stderr.strip().splitlines() or ["bake --print failed"])[-1])
    found = json.loads(done.stdout)["target"].items()
    return {name: target["tags"][0] for name, target in sorted(found) if "tags" in target}


def digests(archive: Path) -> dict[str, str]:
    """By platform, the digest of the manifest in an OCI archive."""
    with tarfile.open(archive) as tar:

        def read(name: str) -> dict[str, list[dict[str, object]]]:
            member = tar.extractfile(name)
            assert member is not None
            content: dict[str, list[dict[str, object]]] = json.load(member)
            return content

        (index,) = read("index.json")["manifests"]
        if "index" in str(index["mediaType"]):
            algorithm, _, digest = str(index["digest"]).partition(":")
            manifests = read(f"blobs/{algorithm}/{digest}")["manifests"]
        else:
            manifests = [index]
    found = {}
    for manifest in manifests:
        platform = manifest.get("platform") or {}
        assert isinstance(platform, dict)
        name = f"{platform.get('os', 'linux')}/{platform.get('architecture', 'unknown')}"
        found[name] = str(manifest["digest"])
    return found


def _git(*arguments: str) -> str:
    told = _told("git", "-C", str(ROOT), *arguments)
    if not told:
        raise UserError("this is no git checkout: set VERSION, REVISION and SOURCE_DATE_EPOCH")
    return told


def _told(*command: str) -> str | None:
    """What a command prints, None where it fails or is not there."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
