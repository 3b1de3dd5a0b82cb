"""`avvla aws`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from avvla.cli.command import add_command, add_group, add_script, pair

if TYPE_CHECKING:
    from avvla.aws.instance import Instance
    from avvla.aws.names import Network
    from avvla.aws.rental import Wanted
    from avvla.aws.ssh import Remote
    from avvla.cli.command import Group

KEYS = Path("~/.ssh/avvla")
HERE = "path on this machine; a folder's content with / at its end"
THERE = "path on that machine, from the user's home"
FIELDS = ("instance_id", "state", "zone", "instance_type", "image_id", "public_ip", "private_ip")


def add(top: Group) -> None:
    """The group."""
    aws = add_group(top, "aws", "machines and images at AWS, for a Ray cluster or alone")
    _add_create_image(aws)
    launch = add_command(aws, "launch", "have a machine that stays", _launch)
    _machine(launch, instance_type="t3.large")
    start = add_command(aws, "start", "start a stopped machine and wait until it is up", _start)
    stop = add_command(aws, "stop", "stop a machine; its disk stays, and costs", _stop)
    stop.add_argument("--terminate", action="store_true", help="for good, with its disk")
    info = add_command(aws, "info", "what a machine is, and where", _info)
    info.add_argument("--field", choices=(*FIELDS, "key_file"), help="this alone, as plain text")
    put = add_command(aws, "put", "copy a file or folder to a machine", _put)
    put.add_argument("source", metavar="HERE", help=HERE)
    put.add_argument("target", metavar="THERE", help=THERE)
    get = add_command(aws, "get", "copy a file or folder from a machine", _get)
    get.add_argument("source", metavar="THERE", help=THERE)
    get.add_argument("target", metavar="HERE", help=HERE)
    for copy in (put, get):
        copy.add_argument(
            "--exclude",
            action="append",
            default=[],
            metavar="PATTERN",
            help="not copied; may be repeated",
        )
    run = add_command(aws, "exec", "run a script on a machine; ends with its exit code", _exec)
    add_script(run, "a bash script of this machine")
    run.add_argument("--log", type=Path, metavar="FILE", help="keep its output there too")
    for command in (start, stop, info, put, get, run):
        _existing(command)
    for command in (info, put, get, run):
        _keys(command)
    for command in (put, get, run):
        _ssh_user(command)


def _add_create_image(aws: Group) -> None:
    command = add_command(
        aws, "create-image", "make an image for a cluster, by install scripts", _create_image
    )
    _machine(command, instance_type="t3.large")
    _ssh_user(command)
    command.add_argument(
        "--install", type=Path, nargs="+", required=True, metavar="SCRIPT", help="run in this order"
    )
    command.add_argument(
        "--put",
        type=pair,
        action="append",
        default=[],
        metavar="HERE:THERE",
        help="copied before the scripts run; may be repeated",
    )
    command.add_argument(
        "--log", type=Path, metavar="FILE", help="output of the scripts (default: NAME.log)"
    )
    command.add_argument(
        "--keep", action="store_true", help="leave the machine that it was made on; it costs"
    )
    command.add_argument(
        "--output",
        type=Path,
        default=Path("image.json"),
        metavar="FILE.json",
        help="for `avvla cluster render aws` (default: %(default)s)",
    )


def _machine(parser: argparse.ArgumentParser, *, instance_type: str) -> None:
    _existing(parser)
    parser.add_argument("--zone", help="as eu-west-1a (default: the first that offers the type)")
    parser.add_argument(
        "--instance-type", default=instance_type, help="of the machine (default: %(default)s)"
    )
    parser.add_argument(
        "--volume-gb", type=int, default=100, metavar="GB", help="root disk (default: %(default)s)"
    )
    parser.add_argument(
        "--base-image",
        metavar="SOURCE",
        help="ami-..., ssm:/a/parameter or name:a pattern (default: Ubuntu 24.04's parameter)",
    )
    parser.add_argument("--key-name", default="avvla", help="key pair (default: %(default)s)")
    _keys(parser)
    parser.add_argument(
        "--group-name", default="avvla", help="security group (default: %(default)s)"
    )
    parser.add_argument("--caller", metavar="ADDRESS", help="who may use ssh: address or network")
    parser.add_argument(
        "--caller-from", metavar="URL", help="what tells this machine's address, without --caller"
    )


def _existing(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--region", required=True, help="as eu-west-1")
    parser.add_argument("--name", required=True, help="of the machine or image, as its tag has it")


def _keys(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--keys",
        type=Path,
        default=KEYS,
        metavar="DIR",
        help="folder of key files (default: %(default)s)",
    )


def _ssh_user(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--ssh-user", default="ubuntu", help="user of the image (default: %(default)s)"
    )


def _wanted(arguments: argparse.Namespace) -> Wanted:
    from avvla.aws.preflight import UBUNTU
    from avvla.aws.rental import Wanted

    return Wanted(
        name=arguments.name,
        base=arguments.base_image or UBUNTU,
        zone=arguments.zone,
        instance_type=arguments.instance_type,
        volume_gb=arguments.volume_gb,
        keys=arguments.keys,
        key_name=arguments.key_name,
        group_name=arguments.group_name,
    )


def _caller(arguments: argparse.Namespace) -> Network:
    from avvla.aws.caller import SOURCE, caller_network

    return caller_network(arguments.caller, arguments.caller_from or SOURCE)


def _create_image(arguments: argparse.Namespace) -> int:
    from avvla.aws.account import account
    from avvla.aws.create_image import Recipe, create_image
    from avvla.errors import UserError
    from avvla.results import write_text

    for option, path in (("--output", arguments.output), ("--log", arguments.log)):
        if path is not None and path.is_dir():  # told before a machine is rented
            raise UserError(f"{option} is {path}, a folder, expected the name of a file to write")
    recipe = Recipe(
        machine=_wanted(arguments),
        ssh_user=arguments.ssh_user,
        puts=tuple(arguments.put),
        scripts=tuple(arguments.install),
        log=arguments.log or Path(f"{arguments.name}.log"),
        keep=arguments.keep,
    )
    made = create_image(account(arguments.region), recipe, _caller(arguments))
    text = made.model_dump_json(indent=2)
    print(text)
    write_text(arguments.output, text + "\n")
    return 0


def _launch(arguments: argparse.Namespace) -> int:
    from avvla.aws.account import account
    from avvla.aws.rental import launch

    _show(launch(account(arguments.region), _wanted(arguments), _caller(arguments)))
    return 0


def _start(arguments: argparse.Namespace) -> int:
    from avvla.aws.account import account
    from avvla.aws.instance import start

    _show(start(account(arguments.region), arguments.name))
    return 0


def _stop(arguments: argparse.Namespace) -> int:
    from avvla.aws import instance
    from avvla.aws.account import account

    rented = account(arguments.region)
    if arguments.terminate:
        print(f"{instance.terminate(rented, arguments.name)}: terminated")
    else:
        _show(instance.stop(rented, arguments.name))
    return 0


def _info(arguments: argparse.Namespace) -> int:
    from avvla.aws.key_pair import key_file

    found = _found(arguments)
    if arguments.field is None:
        _show(found)
    elif arguments.field == "key_file":
        print(key_file(arguments.keys, found.key_name or ""))
    else:
        print(getattr(found, arguments.field) or "")
    return 0


def _put(arguments: argparse.Namespace) -> int:
    from avvla.aws.ssh import put

    put(_remote(arguments), arguments.source, arguments.target, arguments.exclude)
    return 0


def _get(arguments: argparse.Namespace) -> int:
    from avvla.aws.ssh import get

    get(_remote(arguments), arguments.source, arguments.target, arguments.exclude)
    return 0


def _exec(arguments: argparse.Namespace) -> int:
    from avvla.aws.ssh import run_script

    return run_script(_remote(arguments), arguments.script, arguments.arguments, arguments.log)


def _found(arguments: argparse.Namespace) -> Instance:
    from avvla.aws.account import account
    from avvla.aws.instance import find

    return find(account(arguments.region), arguments.name)


def _remote(arguments: argparse.Namespace) -> Remote:
    from avvla.aws.rental import reach

    return reach(_found(arguments), arguments.ssh_user, arguments.keys)


def _show(instance: Instance) -> None:
    print(instance.model_dump_json(indent=2))
