"""An image from a rented machine: made, or not, the machine is given back."""

import ipaddress
import os
import signal
from pathlib import Path

import pytest
import sshd
from botocore.exceptions import ClientError, WaiterError

from avvla.aws import create_image as module
from avvla.aws import instance, rental
from avvla.aws.create_image import Recipe, create_image
from avvla.aws.names import Image
from avvla.aws.rental import Wanted, launch
from avvla.errors import UserError

REGION = "eu-west-1"
CALLER = ipaddress.ip_network("203.0.113.7")


@pytest.fixture
def recipe(tmp_path, ami):
    def make(script="echo installed", *, keep=False, puts=(), **wanted):
        path = tmp_path / "install.sh"
        path.write_text(script)
        machine = {
            "name": "img",
            "base": ami,
            "zone": "eu-west-1b",
            "instance_type": "t3.large",
            "volume_gb": 30,
            "keys": tmp_path / "keys",
            "key_name": "avvla",
            "group_name": "avvla",
        }
        return Recipe(
            Wanted(**(machine | wanted)), "ubuntu", puts, (path,), tmp_path / "img.log", keep
        )

    return make


@pytest.fixture
def remote(monkeypatch, tmp_path):
    """The machine's ssh is that of this host's sshd: AWS's double has no machines behind it."""
    if not sshd.THERE:
        pytest.skip(sshd.ABSENT)
    with sshd.running(tmp_path / "sshd") as there:
        monkeypatch.setattr(module, "reach", lambda *_: there)
        yield there


def _states(rented):
    pages = rented.ec2.describe_instances()["Reservations"]
    return [item["State"]["Name"] for group in pages for item in group["Instances"]]


def _images(rented):
    return rented.ec2.describe_images(Owners=["self"])["Images"]


def test_an_image_is_made_and_the_machine_given_back(rented, recipe, remote, tmp_path, capsys):
    (tmp_path / "wheel").write_text("w")
    target = tmp_path / "there"
    made = create_image(
        rented, recipe("cat " + str(target), puts=((str(tmp_path / "wheel"), str(target)),)), CALLER
    )
    (image,) = _images(rented)
    assert image["Name"] == "img"
    (group,) = rented.ec2.describe_security_groups(
        Filters=[{"Name": "group-name", "Values": ["avvla"]}]
    )["SecurityGroups"]
    assert made == Image(
        image_id=image["ImageId"], region=REGION, security_group_id=group["GroupId"]
    )
    assert _states(rented) == ["terminated"]
    assert (tmp_path / "img.log").read_text() == "w"
    assert (tmp_path / "keys" / "avvla.pem").exists()
    told = capsys.readouterr().err
    assert "eu-west-1b: t3.large from ami-" in told
    assert "ssh from 203.0.113.7/32 only" in told
    assert ": terminated" in told


def test_a_script_that_fails_ends_with_its_code_and_log(rented, recipe, remote, tmp_path):
    with pytest.raises(UserError, match=r"install\.sh ended with code 3 on i-0, so there is no im"):
        create_image(rented, recipe("echo why; exit 3"), CALLER)
    assert (tmp_path / "img.log").read_text() == "why\n"
    assert _states(rented) == ["terminated"]
    assert _images(rented) == []


def test_a_machine_is_kept_on_request(rented, recipe, remote, capsys):
    with pytest.raises(UserError, match="ended with code 3"):
        create_image(rented, recipe("exit 3", keep=True), CALLER)
    assert _states(rented) == ["running"]
    assert "avvla aws stop --region eu-west-1 --name img-builder --terminate" in (
        capsys.readouterr().err
    )


def _refuse(operation, code):
    error = {"Error": {"Code": code, "Message": "no"}}
    return lambda *_, **__: (_ for _ in ()).throw(ClientError(error, operation))


def _time_out(*_, **__):
    raise WaiterError("it", "Max attempts exceeded", {})


@pytest.mark.parametrize(
    ("where", "attribute", "failure", "told"),
    [
        ("ec2", "run_instances", _refuse("Run", "InsufficientInstanceCapacity"), "none left there"),
        ("instance", "wait_until_up", _time_out, "cannot wait"),
        ("ec2", "stop_instances", _refuse("Stop", "UnauthorizedOperation"), "cannot stop"),
        ("instance", "wait_until_stopped", _time_out, "cannot wait"),
        ("ec2", "create_image", _refuse("Create", "InvalidAMIName.Duplicate"), "cannot make the"),
        ("instance", "wait_for_image", _time_out, "cannot wait"),
    ],
)
def test_the_machine_is_given_back_whatever_fails(
    rented, recipe, remote, monkeypatch, where, attribute, failure, told
):
    if where == "instance":

        def failing(*_):
            with module.told("wait"):
                failure()

        monkeypatch.setattr(instance, attribute, failing)
    else:
        monkeypatch.setattr(rented.ec2, attribute, failure)
    with pytest.raises(UserError, match=told):
        create_image(rented, recipe(), CALLER)
    assert set(_states(rented)) <= {"terminated"}
    assert _images(rented) == []


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_gives_the_machine_back(rented, recipe, remote, monkeypatch, sent):
    signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in a background job
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    monkeypatch.setattr(instance, "wait_until_stopped", lambda *_: os.kill(os.getpid(), sent))
    with pytest.raises(KeyboardInterrupt):
        create_image(rented, recipe(), CALLER)
    assert _states(rented) == ["terminated"]
    assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == before


def test_a_machine_whose_id_never_came_is_given_back(rented, recipe, monkeypatch):
    run = rented.ec2.run_instances

    def interrupted(**options):
        run(**options)
        raise KeyboardInterrupt

    monkeypatch.setattr(rented.ec2, "run_instances", interrupted)
    with pytest.raises(KeyboardInterrupt):
        create_image(rented, recipe(), CALLER)
    assert _states(rented) == ["terminated"]


def test_a_machine_that_cannot_be_given_back_is_named(rented, recipe, monkeypatch):
    monkeypatch.setattr(rented.ec2, "terminate_instances", _refuse("T", "UnauthorizedOperation"))
    monkeypatch.setattr(instance, "wait_until_up", _raise_interrupt)
    with pytest.raises(UserError, match=r"could not be given back and costs until .*avvla=img-bui"):
        create_image(rented, recipe(), CALLER)


def _raise_interrupt(*_):
    raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("wanted", "told"),
    [
        ({"name": "a b"}, "image name is 'a b'"),
        ({"zone": "eu-west-3c"}, "not in eu-west-1"),
        ({"instance_type": "big"}, "instance type is 'big'"),
        ({"instance_type": "t3.huge"}, "does not offer"),
        ({"volume_gb": 0}, "--volume-gb is 0"),
        ({"base": "<ImageId>"}, "the base image is '<ImageId>'"),
        ({"key_name": "../x"}, "key name is"),
    ],
)
def test_a_bad_wish_makes_nothing(rented, recipe, wanted, told):
    groups = len(rented.ec2.describe_security_groups()["SecurityGroups"])
    with pytest.raises(UserError, match=told):
        create_image(rented, recipe(**wanted), CALLER)
    assert _states(rented) == []
    assert rented.ec2.describe_key_pairs()["KeyPairs"] == []
    assert len(rented.ec2.describe_security_groups()["SecurityGroups"]) == groups


def test_a_missing_script_and_a_taken_name_make_nothing(rented, recipe, remote, tmp_path):
    create_image(rented, recipe(), CALLER)
    with pytest.raises(UserError, match="the image name 'img' is taken in eu-west-1 by ami-"):
        create_image(rented, recipe(), CALLER)
    wanted = recipe(name="other")
    Path(wanted.scripts[0]).unlink()
    with pytest.raises(UserError, match=r"install\.sh is missing"):
        create_image(rented, wanted, CALLER)
    assert _states(rented) == ["terminated"]


def test_a_launched_machine_stays_unless_it_does_not_come_up(rented, recipe, monkeypatch):
    wanted = recipe().machine
    assert launch(rented, wanted, CALLER).state == "running"
    with pytest.raises(UserError, match="the name 'img' is taken"):
        launch(rented, wanted, CALLER)
    instance.terminate(rented, "img")
    monkeypatch.setattr(instance, "wait_until_up", _raise_interrupt)
    with pytest.raises(KeyboardInterrupt):
        launch(rented, wanted, CALLER)
    assert set(_states(rented)) == {"terminated"}


def test_how_ssh_gets_to_a_machine(rented, recipe, tmp_path):
    made = launch(rented, recipe().machine, CALLER)
    there = rental.reach(made, "ubuntu", tmp_path / "keys")
    assert (there.host, there.user, there.alias) == (made.public_ip, "ubuntu", made.instance_id)
    with pytest.raises(UserError, match=r"avvla\.pem is missing"):
        rental.reach(made, "ubuntu", tmp_path)
    stopped = instance.stop(rented, "img").model_copy(update={"public_ip": None})
    with pytest.raises(UserError, match="has no public address: start it with `avvla aws start"):
        rental.reach(stopped, "ubuntu", tmp_path)
