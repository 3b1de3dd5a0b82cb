"""Checks the locks without a network: no address, every direct requirement met, the two agree.

A lock is a hashed requirement file as written by `make lock`; one line `name==version` per package,
followed by its hashes. What the images hold is a part of `dev`; the labeller's environment and what
builds the wheels are apart.
"""

import re
import sys
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PIN = re.compile(r"^([\w.-]+)==([^\s;]+)", re.MULTILINE)


def pins(lock: Path) -> set[tuple[str, str]]:
    """The (name, version) pairs of a lock; a package may have one version per platform."""
    return {(canonicalize_name(name), version) for name, version in PIN.findall(lock.read_text())}


def direct(group: str, groups: dict[str, list[str | dict[str, str]]]) -> list[str]:
    """The requirements of a dependency group, its included groups with it."""
    found: list[str] = []
    for entry in groups[group]:
        found += [entry] if isinstance(entry, str) else direct(entry["include-group"], groups)
    return found


def unmet(requirements: list[str], locked: set[tuple[str, str]]) -> list[str]:
    """The requirements that no pin of the lock satisfies."""
    return [
        text
        for text in requirements
        if not any(
            canonicalize_name((wanted := Requirement(text)).name) == name
            and wanted.specifier.contains(version, prereleases=True)
            for name, version in locked
        )
    ]


def written(file: Path) -> list[str]:
    """The requirements of a requirement file, without its comments."""
    lines = (line.partition("#")[0].strip() for line in file.read_text().splitlines())
    return [line for line in lines if line]


def main() -> int:
    """Print each fault and return 1 where there is one."""
    project = tomllib.loads(Path("pyproject.toml").read_text())
    needed, groups = project["project"]["dependencies"], project["dependency-groups"]
    folder = Path("requirements")
    dev, labeler = folder / "dev.lock", Path("docker/labeler/requirements.lock")
    ours = {
        folder / "runtime.lock": needed,
        folder / "driver.lock": direct("driver", groups),
        folder / "sim.lock": direct("sim", groups),
        folder / "pipeline.lock": needed + direct("pipeline", groups),
        folder / "carla.lock": needed + project["project"]["optional-dependencies"]["carla"],
    }
    met = {
        **ours,
        dev: needed + direct("dev", groups),
        folder / "build.lock": direct("build", groups),
        labeler: written(labeler.with_suffix(".in")),
    }
    faults = [
        f"{lock}:{number} names an address: {line.strip()}"
        for lock in met
        for number, line in enumerate(lock.read_text().splitlines(), 1)
        if "://" in line or line.startswith("-")
    ]
    faults += [
        f"{lock} does not meet {text}"
        for lock, requirements in met.items()
        for text in unmet(requirements, pins(lock))
    ]
    faults += [
        f"{lock} has {name}=={version}, {dev} has not"
        for lock in ours
        for name, version in sorted(pins(lock) - pins(dev))
    ]
    for fault in faults:
        print(fault)
    if faults:
        print("run `make lock` and commit the locks")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
