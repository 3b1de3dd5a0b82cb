"""Machines by the name in their tag, at AWS's double."""

import pytest
from botocore.stub import Stubber

from avvla.aws import instance
from avvla.aws.preflight import base_image, place
from avvla.errors import UserError

REGION = "eu-west-1"


@pytest.fixture
def run(rented, ami):
    """Have a machine of a name made; its id."""

    def make(name, mark="mark"):
        rented.ec2.create_key_pair(KeyName=name)
        here = place(rented, None, "t3.large")
        group = rented.ec2.describe_security_groups()["SecurityGroups"][0]["GroupId"]
        order = instance.Order(name, base_image(rented, ami), here, "t3.large", 50, name, group)
        return instance.run(rented, order, mark)

    return make


def test_a_machine_is_what_was_ordered(rented, run, ami):
    made = run("one")
    found = instance.find(rented, "one")
    assert (found.instance_id, found.image_id, found.instance_type) == (made, ami, "t3.large")
    assert (found.region, found.zone, found.key_name) == (REGION, "eu-west-1a", "one")
    assert found.state == "running"
    assert found.public_ip
    (reservation,) = rented.ec2.describe_instances(InstanceIds=[made])["Reservations"]
    (item,) = reservation["Instances"]
    assert item["MetadataOptions"]["HttpTokens"] == "required"
    (volume,) = rented.ec2.describe_volumes()["Volumes"]
    assert (volume["Size"], volume["VolumeType"], volume["Encrypted"]) == (50, "gp3", True)
    assert {"Key": "Name", "Value": "one"} in volume["Tags"]


def test_stop_start_terminate(rented, run):
    made = run("one")
    assert instance.stop(rented, "one").state == "stopped"
    assert instance.stop(rented, "one").state == "stopped"
    assert instance.start(rented, "one").state == "running"
    assert instance.terminate(rented, "one") == made
    with pytest.raises(UserError, match="no instance of avvla's is named 'one' in eu-west-1"):
        instance.find(rented, "one")
    instance.require_free_name(rented, "one")


def test_a_name_is_that_of_one_machine(rented, run, ami):
    run("one")
    with pytest.raises(UserError, match="the name 'one' is taken in eu-west-1 by i-"):
        instance.require_free_name(rented, "one")
    rented.ec2.delete_key_pair(KeyName="one")
    run("one")
    with pytest.raises(UserError, match=r"'one' names 2 instances in eu-west-1 \(i-"):
        instance.find(rented, "one")


def test_machines_of_others_are_never_touched(rented, ami):
    (other,) = rented.ec2.run_instances(
        ImageId=ami,
        MinCount=1,
        MaxCount=1,
        TagSpecifications=[{"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": "one"}]}],
    )["Instances"]
    for action in (instance.find, instance.start, instance.stop, instance.terminate):
        with pytest.raises(UserError, match="no instance of avvla's"):
            action(rented, "one")
    assert instance.terminate_marked(rented, "one") == []
    (reservation,) = rented.ec2.describe_instances(InstanceIds=[other["InstanceId"]])[
        "Reservations"
    ]
    assert reservation["Instances"][0]["State"]["Name"] == "running"


def test_only_what_has_the_mark_is_given_back(rented, run):
    run("one", "mark-1")
    made = run("two", "mark-2")
    assert instance.terminate_marked(rented, "mark-2") == [made]
    assert instance.find(rented, "one").state == "running"


def test_waits_end(clients):
    with Stubber(clients.ec2) as stub:
        for _ in range(instance.PATIENCE):
            stub.add_response("describe_instance_status", {"InstanceStatuses": []})
        with pytest.raises(UserError, match=r"cannot see i-0 come up .*Max attempts exceeded"):
            instance.wait_until_up(clients, "i-0")
        stub.assert_no_pending_responses()
