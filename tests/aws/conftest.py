"""AWS's double: moto, in this process. It accepts more than AWS: refusals are by Stubber."""

import logging

import pytest
from moto import mock_aws

from avvla.aws import instance, ssh
from avvla.aws.account import account

REGION = "eu-west-1"
ZONE = f"{REGION}a"


@pytest.fixture(autouse=True)
def environment(monkeypatch, tmp_path):
    """Credentials that are nobody's, no configuration of the user's, no waiting."""
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_DEFAULT_REGION", "AWS_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not-a-real-secret")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setattr(instance, "POLL_S", 0)
    monkeypatch.setattr(instance, "PATIENCE", 2)
    monkeypatch.setattr(ssh, "FIRST_PAUSE_S", 0.01)
    levels = {name: logging.getLogger(name).level for name in ("boto3", "botocore", "urllib3")}
    yield
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)


@pytest.fixture
def aws():
    """The double."""
    with mock_aws():
        yield


@pytest.fixture(scope="session")
def clients():
    """The account, made once: reading the description of EC2 takes longer than most tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "not-a-real-secret")
        return account(REGION)


@pytest.fixture
def rented(aws, clients):
    """The account at the double."""
    return clients


@pytest.fixture(scope="session")
def ami(clients):
    """An image that the double knows."""
    with mock_aws():
        return clients.ec2.describe_images(Owners=["amazon"])["Images"][0]["ImageId"]
