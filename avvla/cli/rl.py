"""`avvla rl`."""

from __future__ import annotations

import argparse
import importlib.util
import os
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from avvla.cli.command import add_command, add_group
from avvla.errors import UserError

if TYPE_CHECKING:
    from avvla.cli.command import Group
    from avvla.rl.driver import Driver
    from avvla.rl.settings import Settings

RESUME = ("never", "auto", "must")


def add(top: Group) -> None:
    """The group."""
    rl = add_group(top, "rl", "reinforcement learning in any world, with RLlib")
    _add_train(rl)
    infer = add_command(rl, "infer", "drive unseen roads with what was learned", _infer)
    infer.add_argument("folder", type=Path, metavar="FOLDER", help="a run, or an exported driver")
    infer.add_argument(
        "--ray", action="store_true", help="load RLlib's module of the run's newest checkpoint"
    )
    infer.add_argument("--device", metavar="DEVICE", help="of torch (default: $AVVLA_DEVICE)")
    infer.add_argument(
        "--episodes", type=int, default=5, metavar="N", help="a road each (default: %(default)s)"
    )
    infer.add_argument("--output", type=Path, metavar="FILE.json", help="write the figures")
    export = add_command(
        rl, "export", "the newest checkpoint's network, to drive without Ray", _export
    )
    export.add_argument("folder", type=Path, metavar="RUN", help="folder of a training")
    export.add_argument("output", type=Path, metavar="DIR", help="folder to make")


def _add_train(rl: Group) -> None:
    train = add_command(rl, "train", "train until a stop rule holds", _train)
    train.add_argument("config", type=Path, metavar="CONFIG.yaml", help="as docs/rl.md lists it")
    train.add_argument(
        "--name", help="of the run's folder (default: that of the file, without .yaml)"
    )
    train.add_argument(
        "--directory", type=Path, metavar="DIR", help="folder of runs (default: $AVVLA_WORK/rl)"
    )
    train.add_argument(
        "--resume",
        choices=RESUME,
        default="never",
        help="go on from the newest checkpoint: where there is one, or else fail"
        " (default: %(default)s)",
    )
    train.add_argument("--overwrite", action="store_true", help="remove an older run of the name")
    train.add_argument(
        "--address",
        default="local",
        metavar="auto|local|HOST:PORT",
        help="the Ray cluster to train on (default: one of our own)",
    )
    train.add_argument(
        "--tensorboard", type=int, metavar="PORT", help="serve the curves meanwhile, as 6006"
    )
    train.add_argument(
        "--tensorboard-host",
        default="127.0.0.1",
        metavar="HOST",
        help="address to serve them at (default: %(default)s)",
    )


def _train(arguments: argparse.Namespace) -> int:
    from avvla import host
    from avvla.rl.board import tensorboard
    from avvla.rl.reading import load_settings
    from avvla.rl.run_folder import RunFolder

    if arguments.overwrite and arguments.resume != "never":
        raise UserError(f"--overwrite starts anew, --resume {arguments.resume} does not: drop one")
    settings = load_settings(arguments.config)
    name = arguments.config.stem if arguments.name is None else arguments.name
    if Path(name).name != name or name in ("", ".."):
        raise UserError(f"--name is {name!r}, expected the name of a folder; see --directory")
    folder = (arguments.directory or host.work_root() / "rl") / name
    _needs_ray()
    _choose_cluster(arguments.address)
    from avvla.rl.training import train

    board = (
        nullcontext()
        if arguments.tensorboard is None
        else tensorboard(folder, arguments.tensorboard_host, arguments.tensorboard)
    )
    with board:
        train(
            settings,
            RunFolder(folder),
            arguments.resume,
            overwrite=arguments.overwrite,
            say=lambda line: print(line, flush=True),
        )
    return 0


def _infer(arguments: argparse.Namespace) -> int:
    from avvla.results import write_metrics
    from avvla.rl.environment import unseen_roads
    from avvla.rl.evaluation import drive, summarise

    if arguments.episodes < 1:
        raise UserError(f"--episodes is {arguments.episodes}, expected 1 or more")
    settings, driver = _driver(arguments)
    episodes = drive(settings, driver, unseen_roads(arguments.episodes))
    for index, row in enumerate(episodes):
        print(f"road {index}: " + ", ".join(f"{name} {value:.4g}" for name, value in row.items()))
    figures = summarise(episodes)
    print("mean: " + ", ".join(f"{name} {value:.4g}" for name, value in figures.items()))
    if arguments.output is not None:
        write_metrics(arguments.output, figures)
    return 0


def _driver(arguments: argparse.Namespace) -> tuple[Settings, Driver]:
    """Who drives, and the configuration of its training."""
    from avvla import host
    from avvla.rl.driver import DRIVER, load_driver
    from avvla.rl.run_folder import RunFolder

    device = arguments.device or host.device()
    if (arguments.folder / DRIVER).exists():
        if arguments.ray:
            raise UserError(f"{arguments.folder} is an exported driver: --ray needs a run's folder")
        return load_driver(arguments.folder, device)
    newest = RunFolder(arguments.folder).newest()
    if newest is None:
        raise UserError(
            f"{arguments.folder} has neither {DRIVER} nor a whole checkpoint: expected an exported"
            " driver or the folder of a training"
        )
    settings, driver = load_driver(newest.driver, device)
    if not arguments.ray:
        return settings, driver
    _needs_ray()
    from avvla.rl.rllib_driver import ModuleDriver

    return settings, ModuleDriver(newest)


def _export(arguments: argparse.Namespace) -> int:
    from avvla.rl.driver import copy_driver
    from avvla.rl.run_folder import RunFolder

    newest = RunFolder(arguments.folder).newest()
    if newest is None:
        raise UserError(f"{arguments.folder} has no whole checkpoint: expected a training's folder")
    copy_driver(newest.driver, arguments.output)
    print(f"{arguments.output}: step {newest.progress.steps}")
    return 0


def _needs_ray() -> None:
    if importlib.util.find_spec("ray") is None:
        raise UserError(
            "RLlib is not installed: run `make setup`, or"
            " `pip install --constraint requirements/dev.lock 'avvla[rl]'`"
        )


def _choose_cluster(address: str) -> None:
    """Say where to train by the variable that every use of Ray here goes by."""
    if address == "local":
        os.environ.pop("RAY_ADDRESS", None)
    else:
        os.environ["RAY_ADDRESS"] = address
