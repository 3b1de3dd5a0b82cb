"""Renting a machine: asked for beforehand, made, and given back when it is meant to be.

A machine is found by a mark in its tag where the answer that names it never came, and is given back
after Ctrl-C and SIGTERM too.
"""

from __future__ import annotations

import signal
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from avvla.aws import instance, preflight
from avvla.aws.account import Account
from avvla.aws.key_pair import ensure_key_pair, key_file
from avvla.aws.names import NAME, TYPE, Network, matching
from avvla.aws.security_group import ensure_group
from avvla.aws.ssh import Remote
from avvla.errors import UserError

GiveBack = Literal["always", "after a failure", "never"]


@dataclass(frozen=True)
class Wanted:
    """A machine as a person asks for it."""

    name: str
    base: str
    """As `preflight.base_image` reads it."""
    zone: str | None
    instance_type: str
    volume_gb: int
    keys: Path
    key_name: str
    group_name: str


def prepare(account: Account, wanted: Wanted, caller: Network) -> instance.Order:
    """Ask what has to be asked, then make key pair and group where they are missing.

    Raises:
        UserError: the name is taken, there is no place to run, or the base image does not exist.
    """
    for what, name in (
        ("name", wanted.name),
        ("key name", wanted.key_name),
        ("group name", wanted.group_name),
    ):
        matching(what, name, NAME, "avvla-2026-11")
    if wanted.volume_gb < 1:
        raise UserError(f"--volume-gb is {wanted.volume_gb}, expected GB of 1 or more")
    matching("instance type", wanted.instance_type, TYPE, "t3.large")
    tell(f"{account.region}: as {account.identity()}")
    base = preflight.base_image(account, wanted.base)
    instance.require_free_name(account, wanted.name)
    place = preflight.place(account, wanted.zone, wanted.instance_type)
    ensure_key_pair(account, wanted.keys, wanted.key_name)
    group = ensure_group(account, wanted.group_name, place.vpc, caller)
    tell(f"{place.zone}: {wanted.instance_type} from {base.image_id}, ssh from {caller} only")
    return instance.Order(
        name=wanted.name,
        base=base,
        place=place,
        instance_type=wanted.instance_type,
        volume_gb=wanted.volume_gb,
        key_name=wanted.key_name,
        group_id=group,
    )


def launch(account: Account, wanted: Wanted, caller: Network) -> instance.Instance:
    """Have a machine that stays.

    Raises:
        UserError: as `prepare`, or it does not come up and has been given back.
    """
    order = prepare(account, wanted, caller)
    with rented(account, order, "after a failure"):
        return instance.find(account, order.name)


@contextmanager
def rented(account: Account, order: instance.Order, give_back: GiveBack) -> Iterator[str]:
    """A machine that is up, by its id; terminated at the end of the block as `give_back` says.

    Raises:
        UserError: AWS refuses, it does not come up, or it cannot be given back.
    """
    mark = f"{order.name}-{uuid.uuid4().hex}"
    failed = True
    with _interruptible():
        try:
            instance_id = instance.run(account, order, mark)
            tell(f"{instance_id}: made; waiting for AWS's checks, which takes minutes")
            instance.wait_until_up(account, instance_id)
            yield instance_id
            failed = False
        finally:
            if give_back == "always" or (give_back == "after a failure" and failed):
                _terminate(account, order.name, mark)
            elif give_back == "never":
                tell(
                    f"{order.name} is kept, and costs until"
                    f" `avvla aws stop --region {account.region} --name {order.name} --terminate`"
                )


def reach(found: instance.Instance, user: str, keys: Path) -> Remote:
    """How ssh gets to an instance.

    Raises:
        UserError: it has no public address or key pair, or the key is not here.
    """
    if found.public_ip is None or found.key_name is None:
        lacks = "public address" if found.public_ip is None else "key pair"
        raise UserError(
            f"{found.name} ({found.instance_id}, {found.state}) has no {lacks}: start it with"
            f" `avvla aws start --name {found.name}`, or launch another"
        )
    key = key_file(keys, found.key_name)
    if not key.exists():
        raise UserError(
            f"{key} is missing: copy it from where the key pair was made, or see --keys"
        )
    return Remote(found.public_ip, user, key, found.instance_id, key.with_name("known_hosts"))


def tell(line: str) -> None:
    """Tell a person how far it is; standard output has the result alone."""
    sys.stderr.write(f"{line}\n")


def _terminate(account: Account, name: str, mark: str) -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # a second Ctrl-C must not leave it there
    try:
        ids = instance.terminate_marked(account, mark)
    except UserError as error:
        raise UserError(
            f"{name} could not be given back and costs until it is: terminate it in AWS's console"
            f" ({account.region}, tag avvla={mark}); {error}"
        ) from error
    finally:
        signal.signal(signal.SIGINT, before)
    if ids:
        tell(f"{', '.join(ids)}: terminated")


@contextmanager
def _interruptible() -> Iterator[None]:
    """Have SIGTERM end the block as Ctrl-C does."""

    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
