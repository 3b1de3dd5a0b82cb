import ipaddress

import pytest
from botocore.stub import Stubber

from avvla.aws.security_group import ensure_group, open_rules, require_closed
from avvla.errors import UserError

CALLER = ipaddress.ip_network("203.0.113.7")


@pytest.fixture
def vpc(rented):
    return rented.ec2.describe_vpcs()["Vpcs"][0]["VpcId"]


def _rules(rented, group):
    (found,) = rented.ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"]
    return found["IpPermissions"]


def test_a_group_lets_in_its_caller_and_itself(rented, vpc):
    group = ensure_group(rented, "avvla", vpc, CALLER)
    rules = sorted(_rules(rented, group), key=lambda rule: rule["IpProtocol"])
    within, ssh = rules
    assert [pair["GroupId"] for pair in within["UserIdGroupPairs"]] == [group]
    assert within["IpRanges"] == []
    assert (ssh["IpProtocol"], ssh["FromPort"], ssh["ToPort"]) == ("tcp", 22, 22)
    assert [item["CidrIp"] for item in ssh["IpRanges"]] == ["203.0.113.7/32"]
    require_closed(rented, [group])


def test_the_same_group_serves_again_and_gets_a_second_caller(rented, vpc):
    group = ensure_group(rented, "avvla", vpc, CALLER)
    assert ensure_group(rented, "avvla", vpc, CALLER) == group
    assert ensure_group(rented, "avvla", vpc, ipaddress.ip_network("198.51.100.9")) == group
    ranges = [item["CidrIp"] for rule in _rules(rented, group) for item in rule["IpRanges"]]
    assert sorted(ranges) == ["198.51.100.9/32", "203.0.113.7/32"]


def test_a_caller_with_an_address_of_version_6(rented, vpc):
    group = ensure_group(rented, "avvla", vpc, ipaddress.ip_network("2001:db8::7"))
    ranges = [item["CidrIpv6"] for rule in _rules(rented, group) for item in rule["Ipv6Ranges"]]
    assert ranges == ["2001:db8::7/128"]


def test_a_group_that_is_open_to_the_world_is_not_used(rented, vpc):
    group = ensure_group(rented, "avvla", vpc, CALLER)
    rule = {"IpProtocol": "tcp", "FromPort": 6006, "ToPort": 6006}
    rented.ec2.authorize_security_group_ingress(
        GroupId=group, IpPermissions=[rule | {"IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]
    )
    for use in (
        lambda: ensure_group(rented, "avvla", vpc, CALLER),
        lambda: require_closed(rented, [group]),
    ):
        with pytest.raises(UserError, match=r"open to the world \(ports 6006 to 6006 from 0\.0\.0"):
            use()


def test_a_missing_group(rented):
    with pytest.raises(UserError, match=r"InvalidGroup\.NotFound"):
        require_closed(rented, ["sg-0123456789abcdef0"])


def test_a_group_without_its_rules_is_removed(clients):
    with Stubber(clients.ec2) as stub:
        stub.add_response("describe_security_groups", {"SecurityGroups": []})
        stub.add_response("create_security_group", {"GroupId": "sg-01234567"})
        stub.add_client_error("authorize_security_group_ingress", "UnauthorizedOperation")
        stub.add_response("delete_security_group", {}, {"GroupId": "sg-01234567"})
        with pytest.raises(UserError, match="cannot make a security group"):
            ensure_group(clients, "avvla", "vpc-1", CALLER)
        stub.assert_no_pending_responses()


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        ({"IpRanges": [{"CidrIp": "0.0.0.0/1"}], "IpProtocol": "-1"}, "all ports from 0.0.0.0/1"),
        ({"Ipv6Ranges": [{"CidrIpv6": "::/0"}], "FromPort": 1, "ToPort": 9}, "ports 1 to 9 from"),
        ({"IpRanges": [{"CidrIp": "203.0.113.0/24"}], "FromPort": 22, "ToPort": 22}, None),
        ({"UserIdGroupPairs": [{"GroupId": "sg-01234567"}]}, None),
    ],
)
def test_open_rules(rule, told):
    found = list(open_rules([rule]))
    assert len(found) == (told is not None)
    assert all(told in line for line in found)
