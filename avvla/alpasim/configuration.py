"""Point a run folder at a driver on another host, and choose scenes, steps and cameras.

Every edit names a service or a key; text is never searched and replaced, since "localhost:6000" is
the driver in one version and a metrics port in another. All new texts are made and checked before
the first file is written.
"""

from __future__ import annotations

import copy
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq

from avvla.alpasim import cameras, yaml_file
from avvla.alpasim.run_folder import (
    COMPOSE,
    Role,
    RunFolder,
    driver_services,
    network_key,
    split_address,
    user_key,
)
from avvla.alpasim.views import Driver, User, view
from avvla.alpasim.yaml_file import Document
from avvla.errors import UserError
from avvla.files import replacing

MOST_STEPS = (1 << 31) - 1
"""What a message of Alpasim holds."""
PORT = re.compile(r"(?<![\w.-])port=(\d+)")
"""The stock driver's port among the overrides of its command."""


@dataclass(frozen=True)
class Wanted:
    """What a run folder is to be; None leaves a thing as it is."""

    driver: str | None = None
    """host:port of the driver as the simulation host reaches it."""
    role: Role | None = None
    """The host that the folder is for; None: either."""
    scenes: tuple[str, ...] | None = None
    steps: int | None = None
    cameras: tuple[str, ...] | None = None
    resolution: tuple[int, int] | None = None
    """Width and height of all cameras [pixels]."""


@dataclass(frozen=True)
class Change:
    """A file before and after."""

    path: Path
    before: str
    after: str

    @property
    def diff(self) -> str:
        """The unified diff."""
        return yaml_file.diff(self.path.name, self.before, self.after)


def changes(folder: RunFolder, wanted: Wanted) -> list[Change]:
    """What has to change in the files of a folder; nothing is written.

    Raises:
        UserError: a file is missing or damaged, or cannot be what is wanted.
    """
    address = None if wanted.driver is None else split_address(wanted.driver)
    _reasonable(wanted, len(folder.user_files))
    network = network_key(folder.network_file)
    found = []
    if wanted.driver is not None:
        found.append(_edited(folder.network_file, _network(folder.network_file, wanted.driver)))
    found += [_user(file, wanted, offsets=network == "addresses") for file in folder.user_files]
    port = address[1] if address is not None and wanted.role != "sim" else None
    found.append(_driver(folder.driver_file, wanted.cameras, port))
    if port is not None:
        found.append(_compose(folder, port))
    return [change for change in found if change.before != change.after]


def write(made: Sequence[Change]) -> list[Path]:
    """Write the changes and keep what was there as NAME.~1~, NAME.~2~, ...; the kept files.

    Raises:
        UserError: a file cannot be written.
    """
    kept = []
    for change in made:
        try:
            backup = _backup(change.path)
            shutil.copy2(change.path, backup)
            kept.append(backup)
            with replacing(change.path) as temporary:
                temporary.write_text(change.after, encoding="utf-8")
                shutil.copymode(change.path, temporary)
        except OSError as error:
            raise UserError(
                f"{change.path} cannot be written ({error.strerror}): run as the user that owns the"
                " run folder, often the one of the wizard's container"
            ) from None
    return kept


def _reasonable(wanted: Wanted, parts: int) -> None:
    for what, names in (("--scene", wanted.scenes), ("--cameras", wanted.cameras)):
        if names is None:
            continue
        told = ", ".join(map(repr, names)) or "nothing"
        if not names or len(set(names)) != len(names):
            raise UserError(f"{what} has {told}, expected different names")
        if not all(re.fullmatch(r"\S+", name) for name in names):
            raise UserError(f"{what} has {told}, expected names without blanks")
    if wanted.steps is not None and not 1 <= wanted.steps <= MOST_STEPS:
        raise UserError(f"--steps is {wanted.steps}, expected 1 to {MOST_STEPS}")
    if wanted.resolution is not None and min(wanted.resolution) < 1:
        raise UserError(f"--resolution is {wanted.resolution}, expected 1x1 or more")
    if wanted.scenes is not None and parts > 1:
        raise UserError(
            f"the run has {parts} user configurations, and the scenes are shared out between them:"
            " choose them with the wizard"
        )


def _network(document: Document, driver: str) -> Any:
    """The tree with this one driver."""
    service = document.tree["driver"]
    key = network_key(document)
    places = service[key]
    if not isinstance(places, list):
        raise UserError(f"{document.path}: driver.{key} is {places!r:.60}, expected a list")
    if key == "addresses":
        _put_first(places, driver)
    else:
        place = places[0] if places else CommentedMap()
        if not isinstance(place, CommentedMap):
            raise UserError(
                f"{document.path}: driver.endpoints holds {place!r:.60}, expected address and"
                " managed"
            )
        place.update({"address": driver, "managed": False})
        _put_first(places, place)
    return document.tree


def _put_first(places: list[Any], place: Any) -> None:
    """Make a list of this one; by its index, since a slice would lose the comments."""
    while len(places) > 1:
        places.pop()
    if places:
        places[0] = place
    else:
        places.append(place)


def _user(document: Document, wanted: Wanted, *, offsets: bool) -> Change:
    tree, key = document.tree, user_key(document)
    simulations = tree[key] if key == "scenarios" else [tree[key]]
    if not isinstance(simulations, list) or not all(
        isinstance(made, CommentedMap) for made in simulations
    ):
        raise UserError(f"{document.path}: {key} is {tree[key]!r:.60}, expected keys and values")
    for number, made in enumerate(simulations):
        where = f"{document.path}: {key}{f'[{number}]' if key == 'scenarios' else ''}.cameras"
        made["cameras"] = cameras.listed(made.get("cameras"), where, offsets=offsets)
        if wanted.cameras is not None:
            made["cameras"] = cameras.chosen(made["cameras"], wanted.cameras, where)
        if wanted.resolution is not None:
            for camera in made["cameras"]:
                camera["width"], camera["height"] = wanted.resolution
        if wanted.steps is not None:
            made["n_sim_steps"] = wanted.steps
    endpoints = tree.get("endpoints")
    told = isinstance(endpoints, CommentedMap) and "do_shutdown" in endpoints
    if wanted.driver is not None and told:
        endpoints["do_shutdown"] = False
    if wanted.scenes is not None:
        _scenes(document, key, wanted.scenes)
    change = _edited(document, tree)
    view(User, _plain(change.after), document.path)
    return change


def _scenes(document: Document, key: str, scenes: tuple[str, ...]) -> None:
    """Have these scenes: a scenario each, or an entry of `scenes`."""
    tree = document.tree
    name = "scenarios" if key == "scenarios" else "scenes"
    entries = tree.setdefault(name, CommentedSeq())
    if not isinstance(entries, CommentedSeq) or (name == "scenarios" and not entries):
        raise UserError(f"{document.path}: {name} is {entries!r:.60}, expected a list of scenes")
    there = {made.get("scene_id"): made for made in entries if isinstance(made, CommentedMap)}
    pattern = entries[0] if name == "scenarios" else CommentedMap()
    # In place: the one entry of most files keeps its comments and its neighbours.
    if len(entries) == len(scenes) == 1 and isinstance(entries[0], CommentedMap):
        entries[0]["scene_id"] = scenes[0]
        return
    for number in reversed(range(len(entries))):
        entry = entries[number]
        if not isinstance(entry, CommentedMap) or entry.get("scene_id") not in scenes:
            entries.pop(number)
    for scene in scenes:
        if scene not in there:
            entries.append(_of_scene(pattern, scene))


def _of_scene(pattern: CommentedMap, scene: str) -> CommentedMap:
    made = copy.deepcopy(pattern)
    made["scene_id"] = scene
    return made


def _driver(document: Document, names: tuple[str, ...] | None, port: int | None) -> Change:
    view(Driver, document.plain, document.path)
    tree = document.tree
    if names is not None:
        used = tree["inference"]["use_cameras"]
        for number in reversed(range(len(used))):
            if used[number] not in names or used[number] in used[:number]:
                used.pop(number)
        for name in names:
            if name not in used:
                used.append(name)
    if port is not None:
        tree["port"] = port
    return _edited(document, tree)


def _compose(folder: RunFolder, port: int) -> Change:
    """The compose file with the port in the command of the driver, and published if ports are."""
    document, services = folder.compose_file, driver_services(folder.compose)
    text, edits = document.text, []
    for name in services[:1]:
        for begin, end in yaml_file.spans(text, ("services", name, "command")):
            edits += [
                (begin + match.start(1), begin + match.end(1), str(port))
                for match in PORT.finditer(text[begin:end])
            ]
        old = PORT.search(folder.compose.services[name].command_line)
        if old is not None:
            for begin, end in yaml_file.spans(text, ("services", name, "ports")):
                if text[begin:end].strip("'\"") == f"{old[1]}:{old[1]}":
                    edits.append((begin, end, f"{port}:{port}"))
    for begin, end, new in sorted(edits, reverse=True):
        text = text[:begin] + new + text[end:]
    return Change(folder.path / COMPOSE, document.text, text)


def _edited(document: Document, tree: Any) -> Change:
    return Change(document.path, document.text, replace(document, tree=tree).dumped())


def _plain(text: str) -> Any:
    return YAML(typ="safe", pure=True).load(text)


def _backup(path: Path) -> Path:
    number = 1
    while (kept := path.with_name(f"{path.name}.~{number}~")).exists():
        number += 1
    return kept
