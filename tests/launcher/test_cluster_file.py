"""Cluster files have what was decided, by Ray's own reading, and always the same bytes."""

import pytest
import yaml
from clusters import AWS, HOSTS, aws, hosts
from hypothesis import given
from hypothesis import strategies as st

from avvla.errors import UserError
from avvla.launcher.cluster_file import read, render
from avvla.launcher.settings import TOKEN, AwsCluster, HostCluster, is_host, settings
from avvla.launcher.validation import problems

LINE = st.text(
    st.characters(
        codec="utf-8",
        exclude_categories=("Cc", "Cs", "Zl", "Zp"),
        exclude_characters="\ufeff\ufffe\uffff",
    ),
    min_size=1,
    max_size=20,
).filter(lambda text: text != TOKEN)
SHARED = {
    "idle_minutes": st.floats(0.1, 10_000),
    "mounts": st.lists(st.tuples(LINE, LINE), max_size=3, unique_by=lambda pair: pair[0]).map(
        tuple
    ),
    "sync": st.booleans(),
    "exclude": st.lists(LINE, max_size=3).map(tuple),
    "setup": st.lists(LINE, max_size=3).map(tuple),
    "token": LINE,
}


def _shared(content):
    mounts = dict(content["file_mounts"])
    first, *setup = content["setup_commands"]
    assert first == f"chmod 600 {TOKEN}"
    return {
        "name": content["cluster_name"],
        "ssh_user": content["auth"]["ssh_user"],
        "ssh_key": content["auth"]["ssh_private_key"],
        "idle_minutes": content["idle_timeout_minutes"],
        "token": mounts.pop(TOKEN),
        "mounts": tuple(mounts.items()),
        "sync": content["file_mounts_sync_continuously"],
        "exclude": tuple(content["rsync_exclude"]),
        "setup": tuple(setup),
    }


def _aws(content):
    head, worker = (content["available_node_types"][name] for name in ("head", "worker"))
    node = worker["node_config"]
    same = ("ImageId", "KeyName", "SecurityGroupIds", "BlockDeviceMappings", "MetadataOptions")
    assert {key: head["node_config"][key] for key in same} == {key: node[key] for key in same}
    (group,), (disk,) = node["SecurityGroupIds"], node["BlockDeviceMappings"]
    assert content["max_workers"] == worker["max_workers"]
    assert head["max_workers"] == 0
    return AwsCluster(
        **_shared(content),
        region=content["provider"]["region"],
        zone=content["provider"]["availability_zone"],
        image_id=node["ImageId"],
        security_group_id=group,
        key_name=node["KeyName"],
        head_type=head["node_config"]["InstanceType"],
        worker_type=node["InstanceType"],
        min_workers=worker["min_workers"],
        max_workers=worker["max_workers"],
        spot=node.get("InstanceMarketOptions") == {"MarketType": "spot"},
        volume_gb=disk["Ebs"]["VolumeSize"],
        root_disk=disk["DeviceName"],
    )


@given(
    st.fixed_dictionaries(
        {},
        optional=SHARED
        | {
            "min_workers": st.integers(0, 3),
            "max_workers": st.integers(3, 1000),
            "spot": st.booleans(),
            "volume_gb": st.integers(8, 16_384),
            "head_type": st.sampled_from(["t3.large", "g5.2xlarge", "u-6tb1.metal"]),
        },
    )
)
def test_a_cluster_at_aws_is_read_as_it_was_decided(changes):
    cluster = aws(**changes)
    assert _aws(yaml.safe_load(render(cluster))) == cluster
    assert render(cluster) == render(cluster)


@given(st.fixed_dictionaries({}, optional=SHARED))
def test_a_cluster_of_hosts_is_read_as_it_was_decided(changes):
    cluster = hosts(**changes)
    content = yaml.safe_load(render(cluster))
    provider = content["provider"]
    assert (
        HostCluster(
            **_shared(content), head=provider["head_ip"], workers=tuple(provider["worker_ips"])
        )
        == cluster
    )


@pytest.mark.parametrize("cluster", [aws(), aws(spot=False, min_workers=5), hosts()])
def test_ray_and_our_rules_accept_what_is_written(cluster):
    assert problems(yaml.safe_load(render(cluster))) == []


def test_nothing_is_open_to_the_world():
    text = render(aws()) + render(hosts())
    assert "0.0.0.0" not in text
    assert text.count("RAY_AUTH_MODE=token ray start") == 4
    assert text.count("ray start") == 4


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"image_id": "<ImageId>"}, "image_id is '<ImageId>'"),
        ({"security_group_id": "sg-"}, "security_group_id is 'sg-'"),
        ({"zone": "eu-west-3c"}, "zone eu-west-3c is not in region eu-west-1"),
        ({"zone": "eu-west-1"}, "zone is 'eu-west-1'"),
        ({"min_workers": 6}, "min_workers 6 is above max_workers 5"),
        ({"min_workers": -1}, "min_workers is -1"),
        ({"idle_minutes": 0.0}, "idle_minutes is 0.0"),
        ({"idle_minutes": float("nan")}, "idle_minutes is nan"),
        ({"name": "a b"}, "name is 'a b'"),
        ({"ssh_user": "$(id)"}, "ssh_user is"),
        ({"setup": ("one\ntwo",)}, "setup.0 is"),
        ({"mounts": (("~/a", "a"), ("~/a", "b"))}, "each path of the nodes once"),
        ({"mounts": ((TOKEN, "a"),)}, "each path of the nodes once"),
        ({"root_disk": "sda"}, "root_disk is"),
    ],
)
def test_bad_settings_at_aws(changes, told):
    with pytest.raises(UserError) as caught:
        settings(AwsCluster, **(AWS | changes))
    assert told in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"head": "me@10.0.0.1"}, "'me@10.0.0.1' is no host"),
        ({"head": ""}, "'' is no host"),
        ({"workers": ("10.0.0.256",)}, "'10.0.0.256' is no host"),
        ({"workers": ("10.0.0.2:22",)}, "is no host"),
        ({"workers": ("<worker ip>",)}, "is no host"),
        ({"workers": ("10.0.0.2", "10.0.0.2")}, "'10.0.0.2' is listed twice"),
        ({"workers": ("10.0.0.1",)}, "'10.0.0.1' is listed twice"),
        ({"head": "127.0.0.1"}, "'127.0.0.1' is this machine to itself"),
        ({"workers": ("localhost",)}, "'localhost' is this machine to itself"),
    ],
)
def test_bad_hosts(changes, told):
    with pytest.raises(UserError) as caught:
        settings(HostCluster, **(HOSTS | changes))
    assert told in str(caught.value)
    raw = yaml.safe_load(render(hosts()))
    raw["provider"]["head_ip"] = changes.get("head", HOSTS["head"])
    raw["provider"]["worker_ips"] = list(changes.get("workers", HOSTS["workers"]))
    assert any(told in line or "placeholder" in line for line in problems(raw))


def test_one_machine_may_be_a_cluster():
    assert hosts(head="localhost", workers=()).head == "localhost"


@given(st.ip_addresses())
def test_addresses_are_hosts(address):
    assert is_host(str(address))


@given(st.text(max_size=30))
def test_a_host_has_no_character_that_a_shell_or_yaml_minds(text):
    if is_host(text):
        assert not set(text) & set(" \t\n'\"$;&|<>(){}[]#@/\\")


@pytest.mark.parametrize(
    "text", ["[", "a: b: c", "- 1", "", "1", "!!python/object:os.x {}", "\x00"]
)
def test_no_cluster_file(tmp_path, text):
    path = tmp_path / "cluster.yaml"
    path.write_text(text)
    with pytest.raises(UserError, match=r"cluster\.yaml (cannot be read as YAML|holds)"):
        read(path)


def test_a_missing_cluster_file(tmp_path):
    with pytest.raises(UserError, match="is missing: write it with `avvla cluster render`"):
        read(tmp_path / "cluster.yaml")
