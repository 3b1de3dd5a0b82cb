"""The security group: ssh from the caller, everything among its own members, nothing else."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from avvla.aws.account import Account, told
from avvla.aws.names import Network, is_world
from avvla.errors import UserError

SSH = 22


def ensure_group(account: Account, name: str, vpc: str, caller: Network) -> str:
    """Id of the group `name` in a network, made where it is missing, with the caller let in.

    A group that is there keeps its other rules, but none that is open to the world.

    Raises:
        UserError: it is open to the world, or AWS refuses.
    """
    ec2 = account.ec2
    with told("look for the security group"):
        found = ec2.describe_security_groups(
            Filters=[
                {"Name": "group-name", "Values": [name]},
                {"Name": "vpc-id", "Values": [vpc]},
            ]
        )["SecurityGroups"]
    if not found:
        return _create(account, name, vpc, caller)
    (group,) = found
    _require_closed(group)
    if not _lets_in(group["IpPermissions"], caller):
        with told("let this machine into the security group"):
            ec2.authorize_security_group_ingress(
                GroupId=group["GroupId"], IpPermissions=[_ssh_from(caller)]
            )
    return str(group["GroupId"])


def require_closed(account: Account, group_ids: Sequence[str]) -> None:
    """Look at groups as they are at AWS.

    Raises:
        UserError: one is missing or open to the world.
    """
    with told(f"look at {', '.join(group_ids)}"):
        groups = account.ec2.describe_security_groups(GroupIds=list(group_ids))["SecurityGroups"]
    for group in groups:
        _require_closed(group)


def open_rules(permissions: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """The rules among `permissions` (IpPermissions, as AWS writes them) that let the world in."""
    for rule in permissions:
        ranges = [item.get("CidrIp") for item in rule.get("IpRanges", ())]
        ranges += [item.get("CidrIpv6") for item in rule.get("Ipv6Ranges", ())]
        for text in filter(None, ranges):
            if is_world(ipaddress.ip_network(text, strict=False)):
                first, last = rule.get("FromPort", -1), rule.get("ToPort", -1)
                ports = "all ports" if first in (-1, None) else f"ports {first} to {last}"
                yield f"{ports} from {text}"


def _require_closed(group: Mapping[str, Any]) -> None:
    opened = list(open_rules(group["IpPermissions"]))
    if opened:
        raise UserError(
            f"the security group {group['GroupName']} ({group['GroupId']}) is open to the world"
            f" ({', '.join(opened)}): remove these rules, or take another --group-name"
        )


def _create(account: Account, name: str, vpc: str, caller: Network) -> str:
    ec2 = account.ec2
    with told("make a security group"):
        group = ec2.create_security_group(
            GroupName=name,
            Description="avvla: ssh from its caller, all among its members",
            VpcId=vpc,
            TagSpecifications=[
                {"ResourceType": "security-group", "Tags": [{"Key": "avvla", "Value": name}]}
            ],
        )["GroupId"]
        within = {"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": group}]}
        try:
            ec2.authorize_security_group_ingress(
                GroupId=group, IpPermissions=[_ssh_from(caller), within]
            )
        except BaseException:
            ec2.delete_security_group(GroupId=group)
            raise
    return str(group)


def _ssh_from(caller: Network) -> dict[str, Any]:
    ranges = (
        {"IpRanges": [{"CidrIp": str(caller), "Description": "avvla's caller"}]}
        if caller.version == 4
        else {"Ipv6Ranges": [{"CidrIpv6": str(caller), "Description": "avvla's caller"}]}
    )
    return {"IpProtocol": "tcp", "FromPort": SSH, "ToPort": SSH, **ranges}


def _lets_in(permissions: Sequence[Mapping[str, Any]], caller: Network) -> bool:
    return any(
        rule.get("FromPort") == SSH
        and str(caller)
        in [
            *(item.get("CidrIp") for item in rule.get("IpRanges", ())),
            *(item.get("CidrIpv6") for item in rule.get("Ipv6Ranges", ())),
        ]
        for rule in permissions
    )
