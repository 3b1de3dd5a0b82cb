"""`avvla alpasim scenes`."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from avvla.cli.command import add_command, add_group

if TYPE_CHECKING:
    from avvla.alpasim.configuration import Change
    from avvla.cli.command import Group


def add(alpasim: Group) -> None:
    """The group."""
    scenes = add_group(
        alpasim, "scenes", "scenes of NVIDIA's data set: found, fetched, put in runs"
    )
    search = add_command(scenes, "search", "scenes by their labels, suite or name", _search)
    _tables(search)
    search.add_argument("conditions", nargs="*", metavar="KEY=VALUE", help="as weather=rain")
    search.add_argument("--any", action="store_true", help="one condition is enough")
    search.add_argument("--max", type=int, metavar="N", help="as many scenes at most")
    search.add_argument(
        "--labels-only", action="store_true", help="the labels of what is found, and how often"
    )
    search.add_argument("--suite", metavar="ID", help="only scenes of a test suite")
    search.add_argument(
        "--suites", type=Path, metavar="CSV", help="Alpasim's data/scenes/sim_suites.csv"
    )
    fetch = add_command(scenes, "labels", "fetch the labels of all scenes of a release", _labels)
    _tables(fetch)
    download = add_command(scenes, "download", "fetch scenes into data/nre-artifacts", _download)
    _named(download)
    _artifacts(download)
    link = add_command(scenes, "link", "link scenes into the set that a run reads", _link)
    link.add_argument("folder", type=Path, metavar="RUN", help="run folder (wizard.log_dir)")
    _named(link)
    _artifacts(link)
    register = add_command(scenes, "register", "add scenes to a run", _register)
    register.add_argument("folder", type=Path, metavar="RUN", help="run folder (wizard.log_dir)")
    register.add_argument("scene", nargs="+", metavar="SCENE", help="scene id, as clipgt-...")
    register.add_argument("--dry-run", action="store_true", help="show the difference only")


def show(
    made: Sequence[Change], write: Callable[[Sequence[Change]], list[Path]], title: str, *,
    dry_run: bool,
) -> int:  # fmt: skip
    """Print what changes in a run folder, and write it unless it is a dry run."""
    for change in made:
        print(change.diff)
    if not made:
        print(f"{title}: nothing to change")
    elif dry_run:
        print(f"{title}: {len(made)} files would change")
    else:
        kept = write(made)
        print(f"{title}: {len(made)} files changed; before: {', '.join(map(str, kept))}")
    return 0


def _tables(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--scenes",
        type=Path,
        nargs="+",
        required=True,
        metavar="CSV",
        help="tables of Alpasim's folder data/scenes, as sim_scenes.csv",
    )
    parser.add_argument("--revision", metavar="R", help="release of the data set, as 26.04")


def _named(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("scene", nargs="+", metavar="SCENE", help="scene id, clip or uuid")
    _tables(parser)


def _artifacts(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--artifacts",
        type=Path,
        required=True,
        metavar="DIR",
        help="Alpasim's data/nre-artifacts, which the containers mount",
    )


def _search(arguments: argparse.Namespace) -> int:
    from avvla import host
    from avvla.alpasim import labels, scenes
    from avvla.alpasim.artifacts import known_labels
    from avvla.errors import UserError

    artifacts = scenes.read(arguments.scenes)
    if (arguments.suite is None) != (arguments.suites is None):
        raise UserError("--suite ID and --suites CSV go together: give both, or neither")
    if arguments.suite is not None:
        pinned = scenes.suite(arguments.suites, arguments.suite)
        wanted = {scene for scene, _ in pinned}
        uuids = {uuid for _, uuid in pinned if uuid is not None}
        artifacts = [
            made
            for made in artifacts
            if made.uuid in uuids or (not uuids and made.scene_id in wanted)
        ]
    if not artifacts:
        raise UserError(
            f"no scene of the suite {arguments.suite} is in {' '.join(map(str, arguments.scenes))}:"
            " give the table of the suite's release"
        )
    artifacts = scenes.of_release(artifacts, arguments.revision)
    known = known_labels(artifacts, host.alpasim_root())
    names = sorted({made.scene_id for made in artifacts})
    conditions = labels.conditions(arguments.conditions)
    if conditions or arguments.labels_only:
        if not known:
            raise UserError(
                f"no labels are in {host.alpasim_root()}: `avvla alpasim scenes labels` fetches"
                " them"
            )
        names = labels.search(known, conditions, any_of=arguments.any)
    if arguments.max is not None and arguments.max < 1:
        raise UserError(f"--max is {arguments.max}, expected 1 or more")
    shown = names[: arguments.max]
    if arguments.labels_only:
        for key, values in labels.counts({name: known[name] for name in shown}).items():
            told = ", ".join(f"{value} {count}" for value, count in sorted(values.items()))
            print(f"{key}: {told}")
    else:
        for name in shown:
            made = scenes.choose(artifacts, name, arguments.revision)
            told = " ".join(f"{key}={','.join(of)}" for key, of in known.get(name, {}).items())
            print(f"{name} {made.uuid} {made.revision or '-'} {told}".rstrip())
    print(f"{len(names)} scenes, {len(shown)} shown")
    return 0


def _labels(arguments: argparse.Namespace) -> int:
    from avvla import host
    from avvla.alpasim import scenes
    from avvla.alpasim.artifacts import fetch_labels

    made = scenes.of_release(scenes.read(arguments.scenes), arguments.revision)
    count = fetch_labels(made, host.alpasim_root())
    print(f"labels of {count} of {len(made)} scenes in {host.alpasim_root()}")
    return 0


def _download(arguments: argparse.Namespace) -> int:
    from avvla.alpasim import artifacts, scenes

    known = scenes.read(arguments.scenes)
    made = [scenes.choose(known, name, arguments.revision) for name in arguments.scene]
    print(*artifacts.download(made, arguments.artifacts), sep="\n")
    return 0


def _link(arguments: argparse.Namespace) -> int:
    from avvla.alpasim import artifacts, scenes
    from avvla.alpasim.run_folder import RunFolder, scene_set

    known = scenes.read(arguments.scenes)
    made = [scenes.choose(known, name, arguments.revision) for name in arguments.scene]
    name = scene_set(RunFolder(arguments.folder))
    print(*artifacts.link(made, known, arguments.artifacts, name), sep="\n")
    return 0


def _register(arguments: argparse.Namespace) -> int:
    from avvla.alpasim.configuration import Wanted, changes, write
    from avvla.alpasim.run_folder import RunFolder

    folder = RunFolder(arguments.folder)
    there = [scene for user in folder.users for scene in user.scene_ids if scene]
    wanted = tuple(dict.fromkeys([*there, *arguments.scene]))
    made = changes(folder, Wanted(scenes=wanted))
    return show(made, write, str(arguments.folder), dry_run=arguments.dry_run)
