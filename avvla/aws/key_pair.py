"""The key pair for ssh: the public half at AWS, the private half in a file of mode 0600 here."""

from __future__ import annotations

import os
from pathlib import Path

from avvla.aws.account import Account, told
from avvla.errors import UserError
from avvla.files import replacing

KEYS = Path("~/.ssh/avvla")
"""Folder of the private halves."""


def key_file(folder: Path, name: str) -> Path:
    """The file of a private half."""
    return folder.expanduser() / f"{name}.pem"


def ensure_key_pair(account: Account, folder: Path, name: str) -> Path:
    """The file of the pair `name`, which is made where neither half is there.

    Raises:
        UserError: one half is there without the other, or the folder cannot be written.
    """
    path = key_file(folder, name)
    with told("look for the key pair"):
        pairs = account.ec2.describe_key_pairs(Filters=[{"Name": "key-name", "Values": [name]}])
    at_aws = bool(pairs["KeyPairs"])
    if at_aws != path.exists():
        here, there = ("is", "not") if path.exists() else ("is not", "it is")
        raise UserError(
            f"{path} {here} here, but {there} at AWS in {account.region}: copy the file here, or"
            " take another --key-name"
        )
    if not at_aws:
        _create(account, path, name)
    return path


def _create(account: Account, path: Path, name: str) -> None:
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with replacing(path) as temporary:
            # Opened first: a pair whose private half cannot be kept is not made.
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w") as file, told("make a key pair"):
                made = account.ec2.create_key_pair(KeyName=name, KeyType="ed25519")
                file.write(made["KeyMaterial"])
    except OSError as error:
        raise UserError(
            f"{path} cannot be written ({error.strerror}): take another folder with --keys"
        ) from None
