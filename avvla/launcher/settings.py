"""What a person decides about a cluster; a cluster file is written from it."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from avvla.aws.names import GROUP, IMAGE, NAME, REGION, TYPE, ZONE
from avvla.errors import UserError
from avvla.params import checked
from avvla.record import Record

TOKEN = "~/.ray/auth_token"
"""Where Ray looks for its token, on every machine."""
_LABEL = r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)"
_HOST = re.compile(rf"{_LABEL}(\.{_LABEL})*")
# One line of what YAML lets stand unescaped.
_Line = Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]+$")]
_Count = Annotated[int, Field(ge=0, le=1000)]


class Cluster(Record):
    """What every cluster has."""

    name: Annotated[str, Field(pattern=NAME)]
    ssh_user: Annotated[str, Field(pattern=r"^[a-z_][a-z0-9_.-]{0,31}$")]
    ssh_key: Annotated[_Line, Field(description="file of the private key, on this machine")]
    idle_minutes: Annotated[float, Field(ge=0.1, le=10_000, allow_inf_nan=False)] = 5.0
    token: Annotated[_Line, Field(description="file of Ray's token, on this machine")] = TOKEN
    mounts: tuple[tuple[_Line, _Line], ...] = Field(
        (), description="(path on every node, file or folder of this machine)"
    )
    sync: bool = Field(False, description="copy changes of mounts while the cluster runs")
    exclude: tuple[_Line, ...] = Field((), description="patterns of what is not copied")
    setup: tuple[_Line, ...] = Field((), description="shell commands for every new node")

    @field_validator("mounts")
    @classmethod
    def _once(cls, mounts: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
        targets = [target for target, _ in mounts]
        if len(set(targets)) < len(targets) or TOKEN in targets:
            raise ValueError(f"each path of the nodes once, and not {TOKEN}")
        return mounts


class AwsCluster(Cluster):
    """A head that stays and workers that come and go, all from one image, in one zone."""

    kind: Literal["aws"] = "aws"
    region: Annotated[str, Field(pattern=REGION)]
    zone: Annotated[str, Field(pattern=ZONE)]
    image_id: Annotated[str, Field(pattern=IMAGE)]
    security_group_id: Annotated[str, Field(pattern=GROUP)]
    key_name: Annotated[str, Field(pattern=NAME)]
    head_type: Annotated[str, Field(pattern=TYPE)] = "m6i.xlarge"
    worker_type: Annotated[str, Field(pattern=TYPE)] = "m6i.2xlarge"
    min_workers: _Count = 0
    max_workers: _Count = 5
    spot: bool = Field(True, description="workers that AWS may take back, for less money")
    volume_gb: Annotated[int, Field(ge=8, le=16_384)] = Field(100, description="disk of a node")
    root_disk: Annotated[str, Field(pattern=r"^/dev/[a-z0-9]+$")] = Field(
        "/dev/sda1", description="its name in the image; some images have /dev/xvda"
    )

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.zone[:-1] != self.region:
            raise ValueError(f"zone {self.zone} is not in region {self.region}")
        if self.min_workers > self.max_workers:
            raise ValueError(
                f"min_workers {self.min_workers} is above max_workers {self.max_workers}"
            )
        return self


class HostCluster(Cluster):
    """Machines that are there: a head and workers, reached by ssh from each other and from here."""

    kind: Literal["hosts"] = "hosts"
    head: str
    workers: tuple[str, ...]

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        problem = next(hosts_problems(self.head, self.workers), None)
        if problem is not None:
            raise ValueError(problem)
        return self


def hosts_problems(head: str, workers: Sequence[str]) -> Iterator[str]:
    """What is wrong with a list of hosts, in words; names are not resolved."""
    seen = set()
    for host in (head, *workers):
        if not is_host(host):
            yield f"{host!r} is no host, expected a name or an address without user and port"
        elif is_loopback(host) and workers:
            yield f"{host!r} is this machine to itself, expected how the other nodes reach it"
        elif host in seen:
            yield f"{host!r} is listed twice, expected each host once"
        seen.add(host)


def is_host(text: str) -> bool:
    """Whether a text is a host name or an IP address."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        # Digits and dots alone are an address that was mistyped.
        return (
            len(text) < 254
            and _HOST.fullmatch(text) is not None
            and re.fullmatch(r"[0-9.]+", text) is None
        )
    return True


def is_loopback(text: str) -> bool:
    """Whether a host is the loopback's."""
    try:
        return ipaddress.ip_address(text).is_loopback
    except ValueError:
        return text.lower() == "localhost"


def settings[C: Cluster](kind: type[C], **given: Any) -> C:
    """Settings of a kind of cluster, checked.

    Raises:
        UserError: something is wrong with them.
    """
    try:
        return checked(kind, given)
    except UserError as error:
        raise UserError(f"the cluster's settings: {error}") from None
