"""`avvla policy`."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import TYPE_CHECKING

from avvla.cli.command import add_command, add_group
from avvla.errors import UserError

if TYPE_CHECKING:
    from avvla.cli.command import Group

SMOLVLA = "lerobot/smolvla_base"


def add(top: Group) -> None:
    """The group."""
    policy = add_group(top, "policy", "what the training of a policy starts from")
    base = add_command(
        policy,
        "import-base",
        "bring a SmolVLA and its backbone into $AVVLA_BASE, tell the hash for policy.warm_start",
        _import_base,
    )
    place = base.add_mutually_exclusive_group()
    place.add_argument(
        "--repo", default=SMOLVLA, metavar="OWNER/NAME", help="on the hub (default: %(default)s)"
    )
    place.add_argument("--folder", type=Path, metavar="DIR", help="a checkpoint here instead")
    base.add_argument(
        "--revision", type=_commit, metavar="COMMIT", help="of the repository (default: its newest)"
    )
    backbone = base.add_mutually_exclusive_group()
    backbone.add_argument(
        "--backbone",
        type=Path,
        metavar="DIR",
        help="configuration and tokenizer of the backbone (default: those that the checkpoint has"
        " or names)",
    )
    backbone.add_argument(
        "--backbone-revision",
        type=_commit,
        metavar="COMMIT",
        help="of the backbone's repository (default: its newest)",
    )


def _commit(text: str) -> str:
    if not re.fullmatch(r"[0-9a-f]{40}", text):
        raise argparse.ArgumentTypeError(f"{text!r} is no commit of 40 hexadecimal digits")
    return text


def _import_base(arguments: argparse.Namespace) -> int:
    from avvla import host
    from avvla.policy import base

    root = host.base_root()
    if arguments.folder is not None:
        if arguments.revision or arguments.backbone_revision:
            raise UserError("--folder is on this machine, where no commit can be chosen")
        checkpoint = arguments.folder
        backbone = arguments.backbone or base.find_backbone(checkpoint)
    else:
        try:
            checkpoint, backbone = _from_hub(arguments, root)
        except UserError as error:
            raise UserError(
                f"{error}; without the hub: bring the files some other way and import them with"
                " --folder and --backbone (docs/finetune.md)"
            ) from None
    digest = base.keep(root, checkpoint, backbone)
    width = base.padded_width(root / digest)
    print(
        f"{root / digest}\nstart from it: dvc exp run -S policy.warm_start={digest}"
        f" -S policy.max_dim={width}"
    )
    return 0


def _from_hub(arguments: argparse.Namespace, root: Path) -> tuple[Path, Path]:
    """The folders of a checkpoint and of its backbone, fetched."""
    from avvla.hub.client import Hub
    from avvla.hub.model import fetch
    from avvla.policy import base
    from avvla.policy.portable import BACKBONE_FOLDER

    hub = Hub.model(arguments.repo, arguments.revision, "--repo", "--revision")
    files = {entry.path: entry for entry in hub.folder("")}
    for name in (base.CONFIG, base.WEIGHTS):
        if name not in files:
            raise UserError(f"{hub.repo_id} has no {name} at {hub.revision}: expected a SmolVLA")
    print(f"{hub.repo_id} at {hub.revision}")
    own = [entry for entry in hub.folder(BACKBONE_FOLDER) if base.of_backbone(entry.path)]
    checkpoint = fetch(hub, [files[base.CONFIG], *own], root)
    name = base.backbone_name(checkpoint)  # of another policy, nothing more is fetched
    if arguments.backbone is not None:
        backbone: Path = arguments.backbone
    elif own:
        backbone = checkpoint / BACKBONE_FOLDER
    elif re.fullmatch(r"[\w.-]+/[\w.-]+", name):
        other = Hub.model(name, arguments.backbone_revision, "--backbone", "--backbone-revision")
        print(f"backbone {other.repo_id} at {other.revision}")
        wanted = [entry for entry in other.folder("") if base.of_backbone(entry.path)]
        backbone = fetch(other, wanted, root)
    else:
        raise UserError(
            f"{hub.repo_id} names its backbone by the path {name!r}: give its folder with"
            " --backbone"
        )
    return fetch(hub, [files[base.WEIGHTS]], root), backbone
