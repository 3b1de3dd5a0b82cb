"""Scenes on this host: labels and artifacts from the hub, and the links that a run goes by.

    <artifacts>/hub/...                       what has arrived, in the form of the hub's cache
    <artifacts>/all-usdzs/<uuid>.usdz         a whole artifact whose uuid was looked at
    <artifacts>/scenesets/<set>/<uuid>.usdz   -> ../../all-usdzs/<uuid>.usdz

<artifacts> is Alpasim's data/nre-artifacts, which its containers mount: so an artifact there is a
file of the same file system (a hard link), never a link to a place outside.
"""

from __future__ import annotations

import os
import zipfile
import zlib
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from tqdm import tqdm

from avvla.alpasim import labels
from avvla.alpasim.scenes import REPOSITORY, Artifact
from avvla.cluster.store import LAST_RUN, Store
from avvla.errors import UserError
from avvla.files import replacing
from avvla.hub.blob import bring
from avvla.hub.client import Entry, Hub

PARALLEL = 5
"""Files that are transferred at the same time; Alpasim's own limit."""
_LARGEST_METADATA = 1 << 20


def snapshot(root: Path, revision: str) -> Path:
    """Folder of a release of the data set in the hub's cache at `root`."""
    return root / f"datasets--{REPOSITORY.replace('/', '--')}" / "snapshots" / revision


def fetch_labels(made: Sequence[Artifact], root: Path) -> int:
    """Have the labels of scenes; how many files there are. A scene without labels is left out.

    Raises:
        UserError: the hub does not give them, or they cannot be written.
    """
    found = 0
    for revision in sorted({_revision(artifact) for artifact in made}):
        hub = _hub(revision)
        folders = {
            Path(artifact.path).parent.as_posix()
            for artifact in made
            if artifact.revision == revision
        }
        wanted = [
            entry
            for top in sorted({folder.rpartition("/")[0] for folder in folders})
            for entry in hub.folder(top, below=True)
            if Path(entry.path).name == labels.FILE and str(Path(entry.path).parent) in folders
        ]
        _bring(hub, wanted, root, "labels")
        found += len(wanted)
    return found


def known_labels(made: Iterable[Artifact], root: Path) -> dict[str, labels.Labels]:
    """Labels by scene of those that are here; of several artifacts the newest counts.

    Raises:
        UserError: a file is damaged.
    """
    found = {}
    for artifact in sorted(made, key=lambda one: (one.last_modified, one.uuid)):
        path = snapshot(root, artifact.revision) / Path(artifact.path).with_name(labels.FILE)
        if artifact.revision and path.exists():
            found[artifact.scene_id] = labels.read(path)
    return found


def download(made: Sequence[Artifact], folder: Path) -> list[Path]:
    """Have artifacts in `folder`, Alpasim's data/nre-artifacts; their paths.

    What has arrived of a file stays, and a later call goes on there.

    Raises:
        UserError: the hub does not give one, or its uuid is not the one of the table.
    """
    paths = [usdz(folder, artifact.uuid) for artifact in made]
    missing = [one for one, path in zip(made, paths, strict=True) if not path.exists()]
    for revision in sorted({_revision(artifact) for artifact in missing}):
        hub, here = _hub(revision), [one for one in missing if one.revision == revision]
        entries = [_entry(hub, artifact) for artifact in here]
        _bring(hub, entries, folder / "hub", "scenes")
        for artifact in here:
            blob = (snapshot(folder / "hub", revision) / artifact.path).resolve()
            verify(blob, artifact.uuid)
            try:
                with replacing(usdz(folder, artifact.uuid)) as temporary:
                    os.link(blob, temporary)
            except OSError as error:
                raise UserError(
                    f"{usdz(folder, artifact.uuid)} cannot be linked ({error.strerror}): choose a"
                    " folder of a file system with hard links"
                ) from None
    return paths


def verify(path: Path, uuid: str) -> None:
    """Look at the uuid in the metadata.yaml of an artifact.

    Raises:
        UserError: it is another one, or the file is no artifact.
    """
    try:
        with zipfile.ZipFile(path) as archive, archive.open("metadata.yaml") as file:
            content = file.read(_LARGEST_METADATA)
        found = YAML(typ="safe", pure=True).load(content.decode())
        got = found.get("uuid") if isinstance(found, dict) else None
    except (OSError, KeyError, ValueError, NotImplementedError, RuntimeError, EOFError,
            zipfile.BadZipFile, zlib.error, YAMLError) as error:  # fmt: skip
        line = " ".join(str(error).split())
        raise UserError(
            f"{path} is no scene ({line}), expected a .usdz with metadata.yaml: remove it and"
            " download it again"
        ) from None
    if got != uuid:
        raise UserError(
            f"{path} has the uuid {got!r}, expected {uuid} as in the table: the table is of another"
            " release of the data set, give that one with --scenes"
        )


def usdz(folder: Path, uuid: str) -> Path:
    """Where Alpasim expects an artifact."""
    return folder / "all-usdzs" / f"{uuid}.usdz"


def link(
    made: Sequence[Artifact], known: Sequence[Artifact], folder: Path, name: str
) -> list[Path]:
    """Link artifacts into the set `name`, which renderer and physics read; the links.

    `known` are the rows of the tables: a set may have one artifact of a scene only, else the
    simulation refuses to start.

    Raises:
        UserError: an artifact is not here, or the set has another one of its scene.
    """
    sets = folder / "scenesets" / name
    scene_of = {artifact.uuid: artifact.scene_id for artifact in known}
    there = {
        scene_of[path.stem]: path
        for path in (sorted(sets.glob("*.usdz")) if sets.is_dir() else ())
        if path.stem in scene_of
    }
    links = []
    for artifact in made:
        if not usdz(folder, artifact.uuid).exists():
            raise UserError(
                f"{usdz(folder, artifact.uuid)} is missing: `avvla alpasim scenes download"
                f" {artifact.scene_id}` first"
            )
        path = sets / f"{artifact.uuid}.usdz"
        if there.setdefault(artifact.scene_id, path).stem != artifact.uuid:
            raise UserError(
                f"{sets} has {there[artifact.scene_id].name} of {artifact.scene_id} already, and"
                " two artifacts of a scene stop the simulation: remove that link first"
            )
        links.append(path)
    for path in links:
        with replacing(path) as temporary:
            temporary.symlink_to(Path("../../all-usdzs", path.name))
    return links


def _hub(revision: str) -> Hub:
    return Hub(REPOSITORY, revision, "the repository of Alpasim's scenes", "--revision")


def _revision(artifact: Artifact) -> str:
    if not artifact.revision:
        raise UserError(
            f"the table does not tell the release of {artifact.scene_id}, as that of 0.1.3: give"
            " --scenes sim_scenes_2505.csv, which has the same artifacts and their release"
        )
    return artifact.revision


def _entry(hub: Hub, artifact: Artifact) -> Entry:
    folder = artifact.path.rpartition("/")[0]
    for entry in hub.folder(folder):
        if entry.path == artifact.path:
            return entry
    raise UserError(f"{hub.repo_id} has no {artifact.path} in the release {hub.revision}")


def _bring(hub: Hub, entries: Sequence[Entry], root: Path, what: str) -> None:
    place = snapshot(root, hub.revision)

    def one(entry: Entry) -> None:
        bring(hub, entry, place)

    with Store(place, root / LAST_RUN, "--artifacts").writing():
        _parallel(one, entries, what)


def _parallel(work: Callable[[Entry], None], entries: Sequence[Entry], what: str) -> None:
    with ThreadPoolExecutor(PARALLEL) as pool:
        done = pool.map(work, entries)
        for _ in tqdm(done, desc=what, total=len(entries), unit="file", leave=False, disable=None):
            pass
