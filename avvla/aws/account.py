"""The account at AWS, as boto3 finds it: environment, profile, single sign-on or instance role.

Credentials stay inside botocore, whose own log, which would show them, is kept off.
"""

from __future__ import annotations

import difflib
import importlib.util
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from avvla.aws.names import REGION, matching
from avvla.errors import UserError

_LOGGERS = ("boto3", "botocore", "urllib3")
_KEY_ID = re.compile(r"\b(A[A-Z]{3})[A-Z0-9]{12,}\b")
_ADVICE = {
    "AuthFailure": "check the credentials (`aws sts get-caller-identity`)",
    "DryRunOperation": "nothing to do",
    "ExpiredToken": "sign in again (`aws sso login`)",
    "InsufficientInstanceCapacity": "AWS has none left there: another --zone, --instance-type or a"
    " later time",
    "InstanceLimitExceeded": "ask AWS for a higher quota, or stop other instances",
    "InvalidClientTokenId": "check the credentials (`aws sts get-caller-identity`)",
    "RequestExpired": "sign in again (`aws sso login`), and check this machine's clock",
    "SignatureDoesNotMatch": "check the credentials (`aws sts get-caller-identity`)",
    "UnauthorizedOperation": "have the account's owner permit it (docs/cluster.md lists what is"
    " needed)",
    "VcpuLimitExceeded": "ask AWS for a higher quota, or take a smaller --instance-type",
}


@dataclass(frozen=True)
class Account:
    """Clients of one region."""

    region: str
    ec2: Any
    ssm: Any
    sts: Any

    def identity(self) -> str:
        """ARN of who the credentials are of; it also shows that they are valid.

        Raises:
            UserError: there are none, or AWS does not accept them.
        """
        with told("ask AWS who you are"):
            return str(self.sts.get_caller_identity()["Arn"])


def account(region: str) -> Account:
    """The account in a region; asks AWS nothing yet.

    Raises:
        UserError: boto3 is not installed, the region does not exist, or the profile is unknown.
    """
    if importlib.util.find_spec("boto3") is None:
        raise UserError(
            "boto3 is not installed: run `make setup`, or"
            " `pip install --constraint requirements/runtime.lock 'avvla[aws]'`"
        )
    import boto3
    from botocore.config import Config

    for name in _LOGGERS:
        logging.getLogger(name).setLevel(logging.WARNING)
    with told("read AWS's configuration"):
        session = boto3.session.Session(region_name=matching("region", region, REGION, "eu-west-1"))
        known = sorted(
            name
            for partition in session.get_available_partitions()
            for name in session.get_available_regions("ec2", partition)
        )
        if region not in known:
            near = difflib.get_close_matches(region, known, 1)
            hint = f": did you mean {near[0]}?" if near else ", expected one of AWS's"
            raise UserError(f"region is {region!r}{hint}")
        config = Config(
            connect_timeout=10,
            read_timeout=60,
            retries={"mode": "standard", "total_max_attempts": 5},
        )
        clients = {name: session.client(name, config=config) for name in ("ec2", "ssm", "sts")}
    return Account(region, **clients)


@contextmanager
def told(doing: str) -> Iterator[None]:
    """Tell what AWS refuses as a UserError in one line; `doing` completes "cannot ...".

    Raises:
        UserError: for every error of botocore's that leaves the block.
    """
    from botocore.exceptions import (
        BotoCoreError,
        ClientError,
        NoCredentialsError,
        PartialCredentialsError,
        WaiterError,
    )

    try:
        yield
    except (NoCredentialsError, PartialCredentialsError) as error:
        raise UserError(
            f"cannot {doing} ({error}): run `aws configure` or `aws sso login`, or set AWS_PROFILE,"
            " or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
        ) from None
    except WaiterError as error:
        raise UserError(
            f"cannot {doing} ({error}): look at it in AWS's console and try again"
        ) from None
    except ClientError as error:
        code = error_code(error)
        advice = _ADVICE.get(code, "correct it and try again")
        message = masked(str(error.response.get("Error", {}).get("Message", "")))
        raise UserError(f"cannot {doing} ({code}: {message}): {advice}") from None
    except BotoCoreError as error:
        raise UserError(
            f"cannot {doing} ({masked(str(error))}): correct it and try again"
        ) from None


def error_code(error: Any) -> str:
    """AWS's name for an error of the type ClientError."""
    return str(error.response.get("Error", {}).get("Code", "unknown"))


def masked(text: str) -> str:
    """One line without the ids of access keys, which AWS repeats in some errors."""
    return _KEY_ID.sub(r"\1***", " ".join(text.split()))
