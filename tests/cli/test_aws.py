"""`avvla aws` at AWS's double (moto); ssh to a real server of this host."""

import json

import pytest
import sshd
from moto import mock_aws

from avvla import cli
from avvla.aws import instance, rental, ssh

WHERE = ("--region", "eu-west-1", "--name", "one")


@pytest.fixture
def avvla(monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not-a-real-secret")
    monkeypatch.setattr(instance, "POLL_S", 0)
    monkeypatch.setattr(ssh, "FIRST_PAUSE_S", 0.01)
    monkeypatch.chdir(tmp_path)

    def call(command, *arguments, code=0):
        assert cli.main(["aws", command, *WHERE, *map(str, arguments)]) == code
        told = capsys.readouterr()
        if code == 1:
            assert told.err.splitlines()[-1].startswith("avvla: ")
        return told

    with mock_aws():
        yield call


@pytest.fixture
def base(avvla):
    import boto3

    images = boto3.client("ec2", "eu-west-1").describe_images(Owners=["amazon"])["Images"]
    return ("--base-image", images[0]["ImageId"], "--keys", "keys", "--caller", "203.0.113.7")


def test_the_life_of_a_machine(avvla, base, tmp_path):
    made = json.loads(avvla("launch", *base).out)
    assert made["state"] == "running"
    assert json.loads(avvla("info").out) == made
    assert avvla("info", "--field", "public_ip").out == made["public_ip"] + "\n"
    assert avvla("info", "--field", "key_file", "--keys", "keys").out == "keys/avvla.pem\n"
    assert json.loads(avvla("stop").out)["state"] == "stopped"
    assert json.loads(avvla("start").out)["state"] == "running"
    assert avvla("stop", "--terminate").out == f"{made['instance_id']}: terminated\n"
    assert "no instance of avvla's is named 'one'" in avvla("info", code=1).err
    assert "the caller's network is 0.0.0.0/0" in (
        avvla("launch", *base, "--caller", "0.0.0.0/0", code=1).err
    )


@pytest.mark.skipif(not sshd.THERE, reason=sshd.ABSENT)
def test_image_put_get_exec(avvla, base, tmp_path, monkeypatch):
    (tmp_path / "install.sh").write_text('echo "installed $1"; exit ${2:-0}')
    with sshd.running(tmp_path / "sshd") as remote:
        for module in ("avvla.aws.create_image.reach", "avvla.aws.rental.reach"):
            monkeypatch.setattr(module, lambda *_: remote)
        told = avvla("create-image", *base, "--install", "install.sh")
        assert json.loads(told.out[told.out.index("{") :]) == json.loads(
            (tmp_path / "image.json").read_text()
        )
        assert (tmp_path / "one.log").read_text() == "installed \n"
        assert "is taken in eu-west-1" in (
            avvla("create-image", *base, "--install", "install.sh", code=1).err
        )
        avvla("launch", *base)
        assert avvla("exec", "install.sh", "--", "a b", 9, code=9).out == "installed a b\n"
        avvla("put", "install.sh", tmp_path / "there")
        avvla("get", tmp_path / "there", "back/again")
        assert (tmp_path / "back" / "again").read_text().startswith("echo")
    assert rental.reach(None, "", tmp_path) is remote


def test_no_credentials(avvla, monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, "/nowhere")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    assert "run `aws configure` or `aws sso login`" in avvla("info", code=1).err


@pytest.mark.parametrize("option", ["--output", "--log"])
def test_a_folder_for_a_file_is_told_before_a_machine_is_rented(avvla, base, tmp_path, option):
    (tmp_path / "install.sh").touch()
    told = avvla("create-image", *base, "--install", "install.sh", option, tmp_path, code=1)
    assert told.err == (
        f"avvla: {option} is {tmp_path}, a folder, expected the name of a file to write\n"
    )
    assert not (tmp_path / "keys").exists()
