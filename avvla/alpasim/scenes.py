"""Alpasim's tables of scenes: which artifacts a scene has, and where they are in the data set.

A scene (`clipgt-<clip>`) may have several artifacts, one per release of the data set: the table
(sim_scenes.csv) has a row each. The artifact's uuid is the local file name; on the hub the file is
named by the clip. Releases are text: 25.05 and 26.10 are no numbers.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from avvla.alpasim.nearest import nearest
from avvla.errors import UserError

REPOSITORY = "nvidia/PhysicalAI-Autonomous-Vehicles-NuRec"
_COLUMNS = ("uuid", "scene_id", "nre_version_string", "path", "last_modified")


@dataclass(frozen=True)
class Artifact:
    """A row of the table."""

    uuid: str
    scene_id: str
    nre_version: str
    """Of the reconstruction; the renderer has to be able to read it."""
    path: str
    """In the data set."""
    last_modified: str
    revision: str
    """Of the data set; "" in the table of version 0.1.3, which does not tell."""

    @property
    def clip(self) -> str:
        """The clip that the scene was made from."""
        return self.scene_id.removeprefix("clipgt-")


def read(paths: Iterable[Path]) -> list[Artifact]:
    """The rows of tables in their order; an artifact that several have is taken once.

    Raises:
        UserError: a table is missing, damaged, lacks a column, or has no row.
    """
    found: dict[str, Artifact] = {}
    for path in paths:
        for number, row in enumerate(_rows(path, _COLUMNS), 2):
            values = [row[name] for name in _COLUMNS]
            place = Path(row["path"])
            if not all(values) or place.is_absolute() or ".." in place.parts:
                raise UserError(f"{path}:{number} has {values}, expected a value in each column")
            uuid, scene_id, version, place_in_set, modified = values
            revision = row.get("hf_revision") or ""
            made = Artifact(uuid, scene_id, version, place_in_set, modified, revision)
            known = found.setdefault(made.uuid, made)
            # The same artifact in an older table, which has no revision.
            if not known.revision:
                found[made.uuid] = made
    return list(found.values())


def suite(path: Path, name: str) -> list[tuple[str, str | None]]:
    """Scene and, if the table pins it, artifact of each entry of a test suite.

    Raises:
        UserError: the table is damaged or has no such suite.
    """
    rows = list(_rows(path, ("test_suite_id", "scene_id")))
    known = sorted({row["test_suite_id"] for row in rows})
    if name not in known:
        raise UserError(f"{path} has no suite {name!r}{nearest(name, known)}")
    return [
        (row["scene_id"], row.get("uuid") or None) for row in rows if row["test_suite_id"] == name
    ]


def of_release(artifacts: Iterable[Artifact], revision: str | None) -> list[Artifact]:
    """Those of a release, or all.

    Raises:
        UserError: there are some, but none of this release.
    """
    there = list(artifacts)
    found = [made for made in there if revision in (None, made.revision)]
    if there and not found:
        raise UserError(
            f"no scene is in the release {revision!r}, expected one of {_releases(there)}"
        )
    return found


def _releases(artifacts: Iterable[Artifact]) -> str:
    return ", ".join(sorted({made.revision or "(none)" for made in artifacts}))


def choose(artifacts: Sequence[Artifact], scene: str, revision: str | None = None) -> Artifact:
    """The artifact of a scene, given as scene id, clip or uuid: the newest one, or of a release.

    Raises:
        UserError: there is none.
    """
    of_scene = [made for made in artifacts if scene in (made.scene_id, made.clip, made.uuid)]
    if not of_scene:
        known = [made.scene_id for made in artifacts]
        raise UserError(f"the tables have no scene {scene!r}{nearest(scene, known)}")
    found = [made for made in of_scene if revision in (None, made.revision)]
    if not found:
        raise UserError(
            f"{scene} is not in the release {revision!r}, expected one of {_releases(of_scene)}"
        )
    return max(found, key=lambda made: (made.last_modified, made.uuid))


def _rows(path: Path, columns: Sequence[str]) -> list[dict[str, str]]:
    try:
        with path.open(newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file)
            rows = list(reader)
            header = reader.fieldnames or []
    except FileNotFoundError:
        raise UserError(
            f"{path} is missing, expected a table of Alpasim's folder data/scenes"
        ) from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path} cannot be read ({error}), expected a CSV table") from None
    missing = [name for name in columns if name not in header]
    if missing or not rows:
        raise UserError(
            f"{path} has {len(rows)} rows and the columns {', '.join(header) or 'none'}, expected"
            f" {', '.join(columns)}: give a table of Alpasim's folder data/scenes"
        )
    for number, row in enumerate(rows, 2):
        if None in row or any(not isinstance(row[name], str) for name in columns):
            raise UserError(f"{path}:{number} is no whole row: copy the table again")
    return rows
