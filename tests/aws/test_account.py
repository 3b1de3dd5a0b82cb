"""Who the caller is at AWS, and what is told when AWS refuses."""

import importlib.util
import logging

import pytest
from botocore.exceptions import EndpointConnectionError
from botocore.stub import Stubber

from avvla.aws.account import account, masked, told
from avvla.errors import UserError

REGION = "eu-west-1"


def test_the_caller_is_named(rented):
    assert rented.identity().startswith("arn:aws:")


def test_without_credentials_the_ways_to_them_are_told(monkeypatch):
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(UserError, match=r"run `aws configure` or `aws sso login`, or set") as told:
        account(REGION).identity()
    assert "\n" not in str(told.value)


def test_half_of_the_credentials(monkeypatch):
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(UserError, match="missing: AWS_SECRET_ACCESS_KEY"):
        account(REGION).identity()


def test_an_unknown_profile(monkeypatch):
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    with pytest.raises(UserError, match="nobody"):
        account(REGION)


@pytest.mark.parametrize(
    ("region", "problem"),
    [
        ("eu-wst-1", "did you mean eu-west-1"),
        ("eu-west-1a", "expected the form"),
        ("", "expected the form"),
    ],
)
def test_an_unknown_region(region, problem):
    with pytest.raises(UserError, match=problem):
        account(region)


def test_without_boto3_the_way_to_it_is_told(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(UserError, match=r"boto3 is not installed: run `make setup`"):
        account(REGION)


@pytest.mark.parametrize(
    ("code", "advice"),
    [
        ("ExpiredToken", "sign in again"),
        ("UnauthorizedOperation", "have the account's owner permit it"),
        ("InvalidClientTokenId", "check the credentials"),
        ("SomethingNew", "correct it and try again"),
    ],
)
def test_refusals_have_their_code_and_what_to_do(clients, code, advice):
    with Stubber(clients.sts) as stub:
        stub.add_client_error("get_caller_identity", code, "no\nway for AKIAIOSFODNN7EXAMPLE")
        with pytest.raises(UserError) as caught:
            clients.identity()
    assert f"cannot ask AWS who you are ({code}: no way for AKIA***): {advice}" in str(caught.value)


def test_no_network():
    with pytest.raises(UserError, match="cannot look"), told("look"):
        raise EndpointConnectionError(endpoint_url="https://nowhere")


def test_a_defect_keeps_its_traceback():
    with pytest.raises(ZeroDivisionError), told("look"):
        1 / 0  # noqa: B018


def test_credentials_are_never_logged(aws, caplog, capfd):
    caplog.set_level(logging.DEBUG)
    account(REGION).identity()
    everything = caplog.text + "".join(capfd.readouterr())
    assert "not-a-real-secret" not in everything
    assert "AKIAIOSFODNN7EXAMPLE" not in everything
    assert not [record for record in caplog.records if record.name.startswith("botocore")]


def test_ids_of_keys_are_masked():
    assert masked("a ASIAIOSFODNN7EXAMPLE\n b") == "a ASIA*** b"
