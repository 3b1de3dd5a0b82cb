"""Instances by the name in their tag: made, found, started, stopped, described.

Only instances that avvla made are found: they have the tag `avvla` too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field

from avvla.aws.account import Account, told
from avvla.aws.preflight import Base, Place
from avvla.errors import UserError
from avvla.record import Record

ALIVE = ("pending", "running", "stopping", "stopped")
POLL_S = 15
"""Seconds between two questions to AWS while waiting; its own waiters take the same."""
PATIENCE = 80
"""Questions before a wait is given up: 20 minutes, as a large image takes a while."""


@dataclass(frozen=True)
class Order:
    """An instance to be made; the root disk has `volume_gb` GB."""

    name: str
    base: Base
    place: Place
    instance_type: str
    volume_gb: int
    key_name: str
    group_id: str


class Instance(Record):
    """What a person wants to know of an instance; an address is null while there is none."""

    instance_id: str
    name: str
    state: Annotated[str, Field(description="AWS's word: running, stopped, ...")]
    region: str
    zone: str
    instance_type: str
    image_id: str
    key_name: str | None
    public_ip: str | None
    private_ip: str | None


def run(account: Account, order: Order, mark: str) -> str:
    """Have an instance made; its id. `mark` is the value of its tag `avvla`.

    Raises:
        UserError: AWS refuses, for example because it has no machine of the type left.
    """
    tags = [{"Key": "Name", "Value": order.name}, {"Key": "avvla", "Value": mark}]
    with told(f"run an instance of the type {order.instance_type} in {order.place.zone}"):
        made = account.ec2.run_instances(
            BlockDeviceMappings=[
                {
                    "DeviceName": order.base.root,
                    "Ebs": {
                        "DeleteOnTermination": True,
                        "Encrypted": True,
                        "VolumeSize": order.volume_gb,
                        "VolumeType": "gp3",
                    },
                }
            ],
            ImageId=order.base.image_id,
            InstanceType=order.instance_type,
            KeyName=order.key_name,
            MaxCount=1,
            # Without a token the metadata, and a role's credentials in it, are within reach of
            # whatever can make the instance fetch an address.
            MetadataOptions={"HttpEndpoint": "enabled", "HttpTokens": "required"},
            MinCount=1,
            SecurityGroupIds=[order.group_id],
            SubnetId=order.place.subnet,
            TagSpecifications=[
                {"ResourceType": kind, "Tags": tags} for kind in ("instance", "volume")
            ],
        )
    return str(made["Instances"][0]["InstanceId"])


def find(account: Account, name: str) -> Instance:
    """The one instance of a name that is not terminated.

    Raises:
        UserError: there is none, or several.
    """
    found = [_described(account, item) for item in _alive(account, "Name", name)]
    if len(found) == 1:
        return found[0]
    if found:
        ids = ", ".join(instance.instance_id for instance in found)
        raise UserError(
            f"{name!r} names {len(found)} instances in {account.region} ({ids}): terminate all but"
            " one in AWS's console"
        )
    raise UserError(
        f"no instance of avvla's is named {name!r} in {account.region}: `avvla aws launch` makes"
        " one, and --region chooses another region"
    )


def require_free_name(account: Account, name: str) -> None:
    """Raises: UserError: an instance of that name is there."""
    found = [item["InstanceId"] for item in _alive(account, "Name", name)]
    if found:
        raise UserError(
            f"the name {name!r} is taken in {account.region} by {', '.join(found)}: take another"
            f" --name, or `avvla aws stop --name {name} --terminate`"
        )


def start(account: Account, name: str) -> Instance:
    """Start an instance and wait until it is up; one that runs is left alone.

    Raises:
        UserError: as `find`, or AWS refuses.
    """
    instance = find(account, name)
    if instance.state == "stopping":
        _wait(account, "instance_stopped", [instance.instance_id], "stop the instance")
    with told(f"start {name}"):
        account.ec2.start_instances(InstanceIds=[instance.instance_id])
    wait_until_up(account, instance.instance_id)
    return find(account, name)


def stop(account: Account, name: str) -> Instance:
    """Stop an instance and wait until it has; its disk stays, and costs.

    Raises:
        UserError: as `find`, or AWS refuses.
    """
    instance = find(account, name)
    with told(f"stop {name}"):
        account.ec2.stop_instances(InstanceIds=[instance.instance_id])
    wait_until_stopped(account, instance.instance_id)
    return find(account, name)


def terminate(account: Account, name: str) -> str:
    """Terminate an instance, its disk included, and wait until it has; its id.

    Raises:
        UserError: as `find`, or AWS refuses.
    """
    instance = find(account, name)
    with told(f"terminate {name}"):
        account.ec2.terminate_instances(InstanceIds=[instance.instance_id])
    _wait(account, "instance_terminated", [instance.instance_id], f"terminate {name}")
    return instance.instance_id


def terminate_marked(account: Account, mark: str) -> list[str]:
    """Terminate whatever has the tag `avvla` of that value; does not wait.

    Raises:
        UserError: AWS refuses.
    """
    ids = sorted(item["InstanceId"] for item in _alive(account, "avvla", mark))
    if ids:
        with told(f"terminate {', '.join(ids)}"):
            account.ec2.terminate_instances(InstanceIds=ids)
    return ids


def wait_until_up(account: Account, instance_id: str) -> None:
    """Wait until AWS's own checks of the machine and its system pass.

    Raises:
        UserError: they do not in time.
    """
    _wait(account, "instance_status_ok", [instance_id], f"see {instance_id} come up")


def wait_until_stopped(account: Account, instance_id: str) -> None:
    """Raises: UserError: it does not stop in time."""
    _wait(account, "instance_stopped", [instance_id], f"see {instance_id} stop")


def wait_for_image(account: Account, image_id: str) -> None:
    """Raises: UserError: an image does not become available in time, or fails."""
    with told(f"see the image {image_id} become available"):
        account.ec2.get_waiter("image_available").wait(
            ImageIds=[image_id], WaiterConfig={"Delay": POLL_S, "MaxAttempts": PATIENCE}
        )


def _wait(account: Account, waiter: str, ids: list[str], doing: str) -> None:
    with told(doing):
        account.ec2.get_waiter(waiter).wait(
            InstanceIds=ids, WaiterConfig={"Delay": POLL_S, "MaxAttempts": PATIENCE}
        )


def _alive(account: Account, tag: str, value: str) -> list[Mapping[str, Any]]:
    filters = [
        {"Name": f"tag:{tag}", "Values": [value]},
        {"Name": "tag-key", "Values": ["avvla"]},
        {"Name": "instance-state-name", "Values": list(ALIVE)},
    ]
    with told("look for instances"):
        pages = account.ec2.get_paginator("describe_instances").paginate(Filters=filters)
        found = [
            item for page in pages for group in page["Reservations"] for item in group["Instances"]
        ]
    return sorted(found, key=lambda item: str(item["InstanceId"]))


def _described(account: Account, item: Mapping[str, Any]) -> Instance:
    return Instance(
        instance_id=item["InstanceId"],
        name=next(tag["Value"] for tag in item["Tags"] if tag["Key"] == "Name"),
        state=item["State"]["Name"],
        region=account.region,
        zone=item["Placement"]["AvailabilityZone"],
        instance_type=item["InstanceType"],
        image_id=item["ImageId"],
        key_name=item.get("KeyName"),
        public_ip=item.get("PublicIpAddress") or None,
        private_ip=item.get("PrivateIpAddress") or None,
    )
