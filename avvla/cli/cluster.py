"""`avvla cluster`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from avvla.cli.command import add_command, add_group, add_script, pair, port

if TYPE_CHECKING:
    from avvla.cli.command import Group
    from avvla.launcher.settings import AwsCluster, HostCluster

FILE = Path("cluster.yaml")
IMAGE = Path("image.json")


def add(top: Group) -> None:
    """The group."""
    cluster = add_group(top, "cluster", "a Ray cluster: at AWS, or of machines that are there")
    render = add_group(cluster, "render", "write a cluster file")
    _add_aws(render)
    _add_hosts(render)
    validate = add_command(cluster, "validate", "find what is wrong with a cluster file", _validate)
    validate.add_argument(
        "--probe", action="store_true", help="ask AWS whether the security groups are closed"
    )
    up = add_command(cluster, "up", "start a cluster, or bring it up to its file", _up)
    up.add_argument(
        "--no-restart", action="store_true", help="leave Ray on the nodes as it runs, with its jobs"
    )
    submit = add_command(cluster, "submit", "run a Python script on the head", _submit)
    add_script(submit, "a Python script of this machine")
    submit.add_argument("--stop", action="store_true", help="end the cluster after it")
    attach = add_command(cluster, "attach", "a shell on the head", _attach)
    attach.add_argument(
        "--port",
        type=port,
        action="append",
        default=[],
        metavar="N",
        help="of the head's loopback, brought here: 8265 is the dashboard; may be repeated",
    )
    down = add_command(cluster, "down", "end a cluster", _down)
    down.add_argument("--workers-only", action="store_true", help="leave the head")
    for command in (validate, up, submit, attach, down):
        command.add_argument(
            "--file", type=Path, default=FILE, metavar="FILE", help="to read (default: %(default)s)"
        )
    for command in (up, submit, attach, down):
        command.add_argument(
            "--print", action="store_true", help="show Ray's command and run nothing"
        )


def _add_aws(render: Group) -> None:
    command = add_command(render, "aws", "a head and workers that come and go", _render_aws)
    command.add_argument(
        "--image",
        type=Path,
        default=IMAGE,
        metavar="FILE.json",
        help="of `avvla aws create-image` (default: %(default)s)",
    )
    command.add_argument("--zone", required=True, help="where nodes run, as eu-west-1a")
    command.add_argument("--key-name", default="avvla", help="key pair (default: %(default)s)")
    command.add_argument(
        "--ssh-user", default="ubuntu", help="user of the image (default: %(default)s)"
    )
    command.add_argument(
        "--head-type", default="m6i.xlarge", help="machine of the head (default: %(default)s)"
    )
    command.add_argument(
        "--worker-type", default="m6i.2xlarge", help="machine of a worker (default: %(default)s)"
    )
    command.add_argument(
        "--min-workers", type=int, default=0, metavar="N", help="that stay (default: %(default)s)"
    )
    command.add_argument(
        "--max-workers", type=int, default=5, metavar="N", help="at most (default: %(default)s)"
    )
    command.add_argument(
        "--on-demand",
        action="store_true",
        help="workers that AWS does not take back; they cost more",
    )
    command.add_argument(
        "--volume-gb", type=int, default=100, metavar="GB", help="disk of a node (default: 100)"
    )
    command.add_argument(
        "--root-disk", default="/dev/sda1", help="its name in the image (default: %(default)s)"
    )
    command.add_argument(
        "--ssh-key", metavar="FILE", help="private key (default: ~/.ssh/avvla/KEY_NAME.pem)"
    )
    _common(command)


def _add_hosts(render: Group) -> None:
    command = add_command(render, "hosts", "machines that are there", _render_hosts)
    command.add_argument("--head", required=True, metavar="HOST", help="name or address")
    command.add_argument(
        "--worker", action="append", default=[], metavar="HOST", help="may be repeated"
    )
    command.add_argument("--ssh-user", required=True, help="the same on every host")
    command.add_argument("--ssh-key", required=True, metavar="FILE", help="private key")
    _common(command)


def _common(command: argparse.ArgumentParser) -> None:
    command.add_argument("--name", default="avvla", help="of the cluster (default: %(default)s)")
    command.add_argument(
        "--idle-minutes",
        type=float,
        default=5.0,
        metavar="M",
        help="then a worker goes (default: 5)",
    )
    command.add_argument(
        "--mount",
        type=pair,
        action="append",
        default=[],
        metavar="HERE:THERE",
        help="file or folder that every node gets; may be repeated",
    )
    command.add_argument("--sync", action="store_true", help="copy changes of mounts all the time")
    command.add_argument(
        "--exclude",
        action="append",
        default=[],
        metavar="PATTERN",
        help="not copied; may be repeated",
    )
    command.add_argument(
        "--setup",
        action="append",
        default=[],
        metavar="COMMAND",
        help="run on a new node; may be repeated",
    )
    command.add_argument(
        "--token", default="~/.ray/auth_token", metavar="FILE", help="of Ray (default: %(default)s)"
    )
    command.add_argument(
        "--output", type=Path, default=FILE, metavar="FILE", help="to write (default: %(default)s)"
    )


def _render_aws(arguments: argparse.Namespace) -> int:
    from avvla.aws.names import Image
    from avvla.launcher.settings import AwsCluster, settings
    from avvla.record import read_record

    image = read_record(Image, arguments.image, "make it with `avvla aws create-image`")
    cluster = settings(
        AwsCluster,
        **_shared(arguments),
        region=image.region,
        zone=arguments.zone,
        image_id=image.image_id,
        security_group_id=image.security_group_id,
        key_name=arguments.key_name,
        head_type=arguments.head_type,
        worker_type=arguments.worker_type,
        min_workers=arguments.min_workers,
        max_workers=arguments.max_workers,
        spot=not arguments.on_demand,
        volume_gb=arguments.volume_gb,
        root_disk=arguments.root_disk,
    )
    return _write(arguments.output, cluster)


def _render_hosts(arguments: argparse.Namespace) -> int:
    from avvla.launcher.settings import HostCluster, settings

    cluster = settings(
        HostCluster,
        **_shared(arguments),
        head=arguments.head,
        workers=tuple(arguments.worker),
    )
    return _write(arguments.output, cluster)


def _shared(arguments: argparse.Namespace) -> dict[str, Any]:
    return {
        "name": arguments.name,
        "ssh_user": arguments.ssh_user,
        "ssh_key": arguments.ssh_key or f"~/.ssh/avvla/{arguments.key_name}.pem",
        "idle_minutes": arguments.idle_minutes,
        "mounts": tuple((there, here) for here, there in arguments.mount),
        "sync": arguments.sync,
        "exclude": tuple(arguments.exclude),
        "setup": tuple(arguments.setup),
        "token": arguments.token,
    }


def _write(output: Path, cluster: AwsCluster | HostCluster) -> int:
    from avvla.launcher.cluster_file import render
    from avvla.results import write_text

    write_text(output, render(cluster))
    print(f"{output}: written; `avvla cluster up --file {output}` starts the cluster")
    return 0


def _validate(arguments: argparse.Namespace) -> int:
    config, found = _read(arguments.file)
    for problem in found:
        print(f"error: {arguments.file}: {problem}")
    if not found and arguments.probe:
        _probe(config)
    print(f"{arguments.file}: {len(found)} errors")
    return 1 if found else 0


def _read(path: Path) -> tuple[dict[str, Any], list[str]]:
    """A cluster file's content, and what is wrong with it."""
    from avvla.launcher.cluster_file import read
    from avvla.launcher.validation import missing_files, problems

    config = read(path)
    return config, problems(config) or list(missing_files(config))


def _checked(path: Path) -> dict[str, Any]:
    """A cluster file's content that has no problems, or the first of them as an error."""
    from avvla.errors import UserError

    config, found = _read(path)
    if found:
        more = f" (and {len(found) - 1} more: `avvla cluster validate`)" if len(found) > 1 else ""
        raise UserError(f"{path}: {found[0]}{more}")
    return config


def _probe(config: dict[str, Any]) -> None:
    from avvla.aws.account import account
    from avvla.aws.security_group import require_closed
    from avvla.launcher.validation import group_ids

    if config["provider"]["type"] == "aws":
        require_closed(account(config["provider"]["region"]), group_ids(config))


def _up(arguments: argparse.Namespace) -> int:
    from avvla.launcher import ray_command
    from avvla.launcher.settings import TOKEN
    from avvla.launcher.token import ensure_token

    command = ray_command.up(arguments.file, restart=not arguments.no_restart)
    if not arguments.print:
        config = _checked(arguments.file)
        _probe(config)
        token = Path(config["file_mounts"][TOKEN])
        if ensure_token(token):
            print(f"{token}: a new token for Ray")
    return _run(arguments, command)


def _submit(arguments: argparse.Namespace) -> int:
    from avvla.errors import UserError
    from avvla.launcher import ray_command

    if not arguments.script.is_file():
        raise UserError(f"{arguments.script} is no file, expected a Python script of this machine")
    command = ray_command.submit(
        arguments.file, arguments.script, arguments.arguments, stop=arguments.stop
    )
    return _run(arguments, command)


def _attach(arguments: argparse.Namespace) -> int:
    from avvla.launcher import ray_command

    return _run(arguments, ray_command.attach(arguments.file, arguments.port))


def _down(arguments: argparse.Namespace) -> int:
    from avvla.launcher import ray_command

    return _run(arguments, ray_command.down(arguments.file, workers_only=arguments.workers_only))


def _run(arguments: argparse.Namespace, command: list[str]) -> int:
    """Print a command of Ray's, then run it on a file that is fit for it."""
    from avvla.launcher import ray_command

    if not arguments.print:
        _checked(arguments.file)
    print(ray_command.shown(command), flush=True)
    return 0 if arguments.print else ray_command.call(command)
