"""What is wrong with a cluster file: by Ray's own schema, and by what Ray lets through.

Ray takes `<ImageId>` for an image and opens port 22 to the world where no security group is named;
it finds out, or not, when machines run.
"""

from __future__ import annotations

import contextlib
import copy
import importlib.util
import io
import ipaddress
import logging
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from avvla.aws.names import GROUP, IMAGE, REGION, TYPE, ZONE
from avvla.aws.security_group import open_rules
from avvla.errors import UserError
from avvla.launcher.settings import TOKEN, hosts_problems

_PLACEHOLDER = re.compile(r"<[^<>]*>|\b(CHANGE_?ME|TODO|FIXME|YOUR_[A-Z_]+)\b")
_LEGACY = {"head_node": "available_node_types.head", "worker_nodes": "available_node_types.worker"}
_REGISTERED = ("aws", "local")


def problems(config: Mapping[str, Any]) -> list[str]:
    """All that is wrong with a cluster file's content, a line each, in a fixed order.

    Raises:
        UserError: Ray is not installed.
    """
    found = [*_placeholders(config), *_legacy(config)]
    provider = config.get("provider")
    kind = provider.get("type") if isinstance(provider, dict) else None
    if kind not in _REGISTERED:
        return [*found, f"provider.type is {kind!r}, expected {' or '.join(_REGISTERED)}"]
    if not found:
        found += _schema(config)
    if not found:  # the shapes are what the schema says from here on
        found += _aws(config) if kind == "aws" else _hosts(config)
        found += _common(config)
    return found


def missing_files(config: Mapping[str, Any]) -> Iterator[str]:
    """Files of this machine that the cluster needs and that are not here; not Ray's token."""
    named = {"auth.ssh_private_key": config["auth"].get("ssh_private_key")}
    for target, source in config.get("file_mounts", {}).items():
        if target != TOKEN:
            named[f"file_mounts.{target}"] = source
    for key, path in named.items():
        if path is not None and not Path(path).expanduser().exists():
            yield f"{key} is {path!r}, which is not on this machine"


def group_ids(config: Mapping[str, Any]) -> list[str]:
    """The security groups of an AWS cluster file that has no problems."""
    types = config["available_node_types"].values()
    return sorted({group for kind in types for group in kind["node_config"]["SecurityGroupIds"]})


def _placeholders(config: Mapping[str, Any]) -> Iterator[str]:
    for key, text in _strings(config, ""):
        # Commands may well have < and >.
        if "_commands" not in key and _PLACEHOLDER.search(text):
            yield f"{key} is {text!r}, a placeholder: put a value there"


def _strings(value: Any, key: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield key, value
    inside: Iterable[tuple[object, Any]] = ()
    if isinstance(value, dict):
        inside = value.items()
    elif isinstance(value, list):
        inside = enumerate(value)
    for name, item in inside:
        yield from _strings(item, f"{key}.{name}" if key else str(name))


def _legacy(config: Mapping[str, Any]) -> Iterator[str]:
    for key, now in _LEGACY.items():
        if key in config:
            yield f"{key} is a key of Ray 1: what it says belongs into {now}.node_config"


def _schema(config: Mapping[str, Any]) -> list[str]:
    """What Ray itself refuses; it stops at the first."""
    if importlib.util.find_spec("ray") is None:
        raise UserError(
            "Ray is not installed: run `make setup`, or"
            " `pip install --constraint requirements/dev.lock 'avvla[ray]'`"
        )
    import click
    import jsonschema
    from ray.autoscaler._private.util import prepare_config, validate_config

    level = logging.getLogger("ray").level
    logging.getLogger("ray").setLevel(logging.ERROR)
    try:
        # Ray tells a person what it fills in, and part of what it refuses.
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            validate_config(prepare_config(copy.deepcopy(dict(config))))
    except jsonschema.ValidationError as error:
        key = ".".join(str(part) for part in error.absolute_path) or "the file"
        return [f"{key}: {error.message}"]
    except (AttributeError, KeyError, TypeError, click.ClickException) as error:
        return [f"Ray cannot read it ({type(error).__name__}: {' '.join(str(error).split())})"]
    except (RuntimeError, ValueError) as error:
        return [" ".join(str(error).split())]
    finally:
        logging.getLogger("ray").setLevel(level)
    return []


def _aws(config: Mapping[str, Any]) -> Iterator[str]:
    provider = config["provider"]
    region, zones = provider.get("region"), str(provider.get("availability_zone", "")).split(",")
    if not _is(region, REGION):
        yield f"provider.region is {region!r}, expected a region, as eu-west-1"
    for zone in (zone.strip() for zone in zones):
        if not _is(zone, ZONE) or zone[:-1] != region:
            yield f"provider.availability_zone is {zone!r}, expected one of {region}, as {region}a"
    yield from _opened(provider)
    types = config.get("available_node_types")
    if types is None:
        yield "available_node_types is missing: Ray would take machines of its own choice"
        return
    for name, kind in sorted(types.items()):
        yield from _node_type(f"available_node_types.{name}", kind)
    head = config["head_node_type"]
    if types[head].get("max_workers", 0) != 0:
        yield f"available_node_types.{head}.max_workers is not 0, but the head is no worker"
    if not config["auth"].get("ssh_private_key"):
        yield "auth.ssh_private_key is missing: name the file of the key pair KeyName"


def _opened(provider: Mapping[str, Any]) -> Iterator[str]:
    rules = provider.get("security_group", {}).get("IpPermissions", [])
    key = "provider.security_group.IpPermissions"
    try:
        for rule in open_rules(rules):
            yield f"{key} opens {rule}, which is the world: name the networks that need it"
    except (AttributeError, TypeError, ValueError) as error:
        yield f"{key} is no list of AWS's rules ({error})"


def _node_type(key: str, kind: Mapping[str, Any]) -> Iterator[str]:
    node = kind["node_config"]
    least, most = kind.get("min_workers", 0), kind.get("max_workers")
    if least < 0 or (most is not None and least > most):
        yield f"{key}.min_workers is {least}, expected 0 to max_workers {most}"
    for name, pattern, example in (
        ("ImageId", IMAGE, "ami-0123456789abcdef0"),
        ("InstanceType", TYPE, "m6i.xlarge"),
        ("KeyName", r"^.+$", "the name of a key pair"),
    ):
        if not _is(node.get(name), pattern):
            yield f"{key}.node_config.{name} is {node.get(name)!r}, expected {example}"
    groups = node.get("SecurityGroupIds")
    if not isinstance(groups, list) or not groups or not all(_is(g, GROUP) for g in groups):
        yield (
            f"{key}.node_config.SecurityGroupIds is {groups!r}, expected [sg-0123456789abcdef0]:"
            " without it Ray makes a group that is open to the world"
        )


def _hosts(config: Mapping[str, Any]) -> Iterator[str]:
    provider = config["provider"]
    if "coordinator_address" in provider:
        yield "provider.coordinator_address is set, expected head_ip and worker_ips"
        return
    head, workers = provider["head_ip"], provider["worker_ips"]
    if not isinstance(head, str) or not all(isinstance(host, str) for host in workers):
        yield "provider.head_ip and worker_ips: expected names or addresses, in quotes"
        return
    yield from (f"provider: {problem}" for problem in hosts_problems(head, workers))


def _common(config: Mapping[str, Any]) -> Iterator[str]:
    auth = config.get("auth", {})
    if "cluster_name" not in config:
        yield "cluster_name is missing: Ray would take it for one that is called `default`"
    if not auth.get("ssh_user"):
        yield "auth.ssh_user is missing: name the user of the nodes"
    mounts = config.get("file_mounts", {})
    if TOKEN not in mounts:
        yield f"file_mounts lacks {TOKEN}: without the token anybody in the network may run code"
    for key in ("head_start_ray_commands", "worker_start_ray_commands"):
        for command in config.get(key, ()):
            yield from _start_command(key, command)


def _start_command(key: str, command: str) -> Iterator[str]:
    if "ray start" in command and "RAY_AUTH_MODE=token" not in command:
        yield f"{key} starts Ray without RAY_AUTH_MODE=token: put it before `ray start`"
    bound = re.search(r"--dashboard-host[= ](\S+)", command)
    if bound and _is_world_address(bound[1].strip("'\"")):
        yield (
            f"{key} binds the dashboard to {bound[1]}, expected 127.0.0.1:"
            " `avvla cluster attach --port 8265` brings it here"
        )


def _is_world_address(text: str) -> bool:
    try:
        return ipaddress.ip_address(text).is_unspecified
    except ValueError:
        return False


def _is(value: Any, pattern: str) -> bool:
    return isinstance(value, str) and re.fullmatch(pattern.strip("^$"), value) is not None
