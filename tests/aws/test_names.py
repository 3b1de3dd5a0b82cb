import ipaddress
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avvla.aws.names import GROUP, IMAGE, REGION, ZONE, Image, is_world, matching, network
from avvla.errors import UserError
from avvla.record import read_record


@pytest.mark.parametrize(
    ("pattern", "good", "bad"),
    [
        (IMAGE, "ami-0123456789abcdef0", "ami-0123456789abcdefg"),
        (IMAGE, "ami-01234567", "<ImageId>"),
        (GROUP, "sg-0123456789abcdef0", "sg-1"),
        (REGION, "eu-west-3", "eu-west-3c"),
        (REGION, "us-gov-west-1", "us_west_1"),
        (ZONE, "eu-west-3c", "eu-west-3"),
    ],
)
def test_forms_of_identifiers(pattern, good, bad):
    assert matching("it", good, pattern, "x") == good
    with pytest.raises(UserError, match="expected the form"):
        matching("it", bad, pattern, "x")
    with pytest.raises(UserError, match="expected the form"):
        matching("it", good + "\n", pattern, "x")


@pytest.mark.parametrize("text", ["0.0.0.0/0", "::/0", "0.0.0.0/1", "10.0.0.0/8", "2001::/16"])
def test_the_world_is_never_a_caller(text):
    with pytest.raises(UserError, match="open to the world is never made"):
        network(text)


@pytest.mark.parametrize("text", ["", "here", "203.0.113.7/33", "203.0.113.9/24", "256.1.1.1"])
def test_no_network(text):
    with pytest.raises(UserError, match="the caller's address is"):
        network(text)


@given(st.ip_addresses())
def test_an_address_is_a_network_of_one(address):
    assert network(str(address)) == ipaddress.ip_network(address)
    assert not is_world(network(str(address)))


def test_a_record_of_an_image(tmp_path):
    made = Image(
        image_id="ami-0123456789abcdef0", region="eu-west-1", security_group_id="sg-01234567"
    )
    path = tmp_path / "image.json"
    path.write_text(made.model_dump_json())
    assert read_record(Image, path, "make it") == made
    path.write_text(re.sub("ami-0", "ami-", made.model_dump_json()))
    with pytest.raises(UserError, match=r"image\.json: image_id: "):
        read_record(Image, path, "make it")
