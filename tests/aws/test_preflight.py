"""What is asked before anything is made; moto for answers, Stubber where it is too kind."""

import pytest
from botocore.stub import Stubber

from avvla.aws.preflight import base_image, place, require_free_image_name
from avvla.errors import UserError

REGION = "eu-west-1"
UNKNOWN = "ami-0123456789abcdef0"


def test_the_base_image_by_id_parameter_and_name(rented, ami):
    found = base_image(rented, ami)
    assert found.image_id == ami
    assert found.root.startswith("/dev/")
    rented.ssm.put_parameter(Name="/avvla/base", Value=ami, Type="String")
    assert base_image(rented, "ssm:/avvla/base") == found
    (image,) = rented.ec2.describe_images(ImageIds=[ami])["Images"]
    assert base_image(rented, f"name:{image['Name']}").root == found.root


def test_the_newest_image_that_is_available_is_taken(clients):
    images = [
        {
            "ImageId": f"ami-0000000{n}",
            "State": state,
            "CreationDate": day,
            "RootDeviceName": "/dev/x",
        }
        for n, state, day in ((1, "available", "2026-01"), (2, "available", "2026-03"))
    ]
    images.append(images[1] | {"ImageId": "ami-00000003", "State": "pending", "CreationDate": "9"})
    with Stubber(clients.ec2) as stub:
        stub.add_response("describe_images", {"Images": images})
        assert base_image(clients, "name:ubuntu*").image_id == "ami-00000002"


@pytest.mark.parametrize("source", ["", "ubuntu", "ami-1", "ssm:base", "name:", "<ImageId>"])
def test_no_source_of_an_image(rented, source):
    with pytest.raises(UserError, match="the base image is"):
        base_image(rented, source)


def test_a_base_image_that_does_not_exist(rented):
    with pytest.raises(UserError, match="cannot find the base image"):
        base_image(rented, UNKNOWN)
    with pytest.raises(UserError, match="ParameterNotFound"):
        base_image(rented, "ssm:/nowhere")
    with pytest.raises(UserError, match="leads to no image that is available in eu-west-1"):
        base_image(rented, "name:nothing-has-this-name")
    rented.ssm.put_parameter(Name="/avvla/base", Value="<ImageId>", Type="String")
    with pytest.raises(UserError, match="the parameter /avvla/base is '<ImageId>'"):
        base_image(rented, "ssm:/avvla/base")


def test_a_place_in_the_chosen_zone_or_in_the_first(rented):
    assert place(rented, None, "t3.large").zone == "eu-west-1a"
    chosen = place(rented, "eu-west-1b", "t3.large")
    assert chosen.zone == "eu-west-1b"
    (subnet,) = rented.ec2.describe_subnets(SubnetIds=[chosen.subnet])["Subnets"]
    assert (subnet["AvailabilityZone"], subnet["VpcId"]) == ("eu-west-1b", chosen.vpc)


@pytest.mark.parametrize(
    ("zone", "kind", "problem"),
    [
        ("eu-west-3c", "t3.large", "which is not in eu-west-1"),
        ("eu-west-1", "t3.large", "expected the form eu-west-1a"),
        (None, "t3.huge", "does not offer the instance type 't3.huge'"),
        ("eu-west-1z", "t3.large", "eu-west-1z cannot run 't3.large': it is offered in eu-west-1a"),
    ],
)
def test_no_place(rented, zone, kind, problem):
    with pytest.raises(UserError) as told:
        place(rented, zone, kind)
    assert problem in str(told.value)


def test_without_a_default_network(clients):
    with Stubber(clients.ec2) as stub:
        stub.add_response("describe_vpcs", {"Vpcs": []})
        with pytest.raises(UserError, match="has no default network: make it anew with `aws ec2"):
            place(clients, None, "t3.large")


def test_without_a_default_subnet(rented):
    for subnet in rented.ec2.describe_subnets()["Subnets"]:
        rented.ec2.delete_subnet(SubnetId=subnet["SubnetId"])
    with pytest.raises(UserError, match="default subnets are in no zone"):
        place(rented, None, "t3.large")


def test_an_image_name_that_is_taken(clients):
    require = {"Owners": ["self"], "Filters": [{"Name": "name", "Values": ["avvla"]}]}
    with Stubber(clients.ec2) as stub:
        stub.add_response("describe_images", {"Images": []}, require)
        require_free_image_name(clients, "avvla")
        stub.add_response("describe_images", {"Images": [{"ImageId": UNKNOWN}]}, require)
        with pytest.raises(UserError, match=f"'avvla' is taken in eu-west-1 by {UNKNOWN}"):
            require_free_image_name(clients, "avvla")
