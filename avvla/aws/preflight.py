"""What is asked of AWS before anything is made: base image, place, names.

A wrong answer here costs nothing; the same mistake in the middle costs a machine's hours.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from avvla.aws.account import Account, told
from avvla.aws.names import IMAGE, ZONE, matching
from avvla.errors import UserError

UBUNTU = "ssm:/aws/service/canonical/ubuntu/server/24.04/stable/current/amd64/hvm/ebs-gp3/ami-id"
"""Canonical's public parameter: the current image of Ubuntu 24.04 in whatever region is asked."""


@dataclass(frozen=True)
class Base:
    """An image to start from, and the name of its root disk."""

    image_id: str
    root: str


@dataclass(frozen=True)
class Place:
    """Where an instance is put: a zone's default subnet in the default network."""

    vpc: str
    subnet: str
    zone: str


def base_image(account: Account, source: str) -> Base:
    """The image that `source` leads to: `ami-...`, `ssm:/a/parameter` or `name:a pattern`.

    Of several images with matching names, all of the account's or Amazon's, the newest is taken.

    Raises:
        UserError: there is none, or it cannot be used.
    """
    kind, _, rest = source.partition(":")
    if re.fullmatch(IMAGE, source):
        query: dict[str, Any] = {"ImageIds": [source]}
    elif kind == "ssm" and rest.startswith("/"):
        with told(f"read the parameter {rest}"):
            value = account.ssm.get_parameter(Name=rest)["Parameter"]["Value"]
        query = {
            "ImageIds": [matching(f"the parameter {rest}", value, IMAGE, "ami-0123456789abcdef0")]
        }
    elif kind == "name" and rest:
        query = {"Owners": ["self", "amazon"], "Filters": [{"Name": "name", "Values": [rest]}]}
    else:
        raise UserError(
            f"the base image is {source!r}, expected ami-0123456789abcdef0, ssm:/a/parameter or"
            " name:a pattern"
        )
    with told(f"find the base image {source}"):
        images = account.ec2.describe_images(**query)["Images"]
    usable = [image for image in images if image["State"] == "available"]
    if not usable:
        raise UserError(
            f"the base image {source} leads to no image that is available in {account.region}:"
            " choose another with --base-image"
        )
    newest = max(usable, key=lambda image: (image.get("CreationDate", ""), image["ImageId"]))
    return Base(newest["ImageId"], newest["RootDeviceName"])


def place(account: Account, zone: str | None, instance_type: str) -> Place:
    """Where an instance of a type can run: in `zone`, else in the first zone that offers it.

    Raises:
        UserError: there is no default network or subnet, or no zone offers the type.
    """
    if zone is not None and matching("zone", zone, ZONE, "eu-west-1a")[:-1] != account.region:
        raise UserError(f"zone is {zone!r}, which is not in {account.region}: give both alike")
    ec2 = account.ec2
    with told("look for a place to run"):
        vpcs = ec2.describe_vpcs(Filters=[{"Name": "is-default", "Values": ["true"]}])["Vpcs"]
        if not vpcs:
            raise UserError(
                f"{account.region} has no default network: make it anew with"
                f" `aws ec2 create-default-vpc --region {account.region}`, or take another --region"
            )
        vpc = vpcs[0]["VpcId"]
        subnets = ec2.describe_subnets(
            Filters=[
                {"Name": "vpc-id", "Values": [vpc]},
                {"Name": "default-for-az", "Values": ["true"]},
            ]
        )["Subnets"]
        offers = ec2.describe_instance_type_offerings(
            LocationType="availability-zone",
            Filters=[{"Name": "instance-type", "Values": [instance_type]}],
        )["InstanceTypeOfferings"]
    by_zone = {subnet["AvailabilityZone"]: subnet["SubnetId"] for subnet in subnets}
    offering = sorted(
        offer["Location"] for offer in offers if offer["InstanceType"] == instance_type
    )
    usable = [name for name in offering if name in by_zone and zone in (None, name)]
    if not usable:
        raise UserError(_nowhere(account.region, zone, instance_type, offering, sorted(by_zone)))
    return Place(vpc, by_zone[usable[0]], usable[0])


def require_free_image_name(account: Account, name: str) -> None:
    """Raises: UserError: the account has an image of that name in the region."""
    with told("look for images of the name"):
        images = account.ec2.describe_images(
            Owners=["self"], Filters=[{"Name": "name", "Values": [name]}]
        )["Images"]
    if images:
        raise UserError(
            f"the image name {name!r} is taken in {account.region} by {images[0]['ImageId']}: take"
            " another --name, or deregister that image"
        )


def _nowhere(
    region: str, zone: str | None, kind: str, offering: Sequence[str], subnets: Sequence[str]
) -> str:
    if not offering:
        return f"{region} does not offer the instance type {kind!r}: take another --instance-type"
    return (
        f"{zone or region} cannot run {kind!r}: it is offered in {', '.join(offering)}, and default"
        f" subnets are in {', '.join(subnets) or 'no zone'}; take another --zone"
    )
