"""What is wrong with a cluster file is found before a machine runs."""

import copy

import pytest
import yaml
from clusters import aws, hosts

from avvla.launcher.cluster_file import render
from avvla.launcher.settings import TOKEN
from avvla.launcher.validation import group_ids, missing_files, problems

GOOD_AWS, GOOD_HOSTS = yaml.safe_load(render(aws())), yaml.safe_load(render(hosts()))
WORKER = "available_node_types.worker"


def _changed(content, path, value):
    """A copy with one key changed, or without it (None)."""
    content = copy.deepcopy(content)
    *parents, last = path.split("/")
    inside = content
    for key in parents:
        inside = inside[key]
    if value is None:
        del inside[last]
    else:
        inside[last] = value
    return content


NODE = "available_node_types/worker/node_config"


@pytest.mark.parametrize(
    ("path", "value", "told"),
    [
        ("nope", 1, "Additional properties are not allowed ('nope' was unexpected)"),
        ("cluster_name", None, "cluster_name is missing"),
        ("max_workers", -1, "max_workers: -1 is less than the minimum of 0"),
        ("head_node_type", "chief", "`head_node_type` must be one of"),
        ("available_node_types/worker/min_workers", 9, "smaller than the sum of `min_workers`"),
        ("available_node_types/worker/resources", None, "'resources' is a required property"),
        ("available_node_types/worker/max_workers", "many", "'many' is not of type 'integer'"),
        ("head_node", {"ImageId": "x"}, "head_node is a key of Ray 1"),
        ("worker_nodes", {"ImageId": "x"}, "worker_nodes is a key of Ray 1"),
        ("provider/type", "gcp", "provider.type is 'gcp', expected aws or local"),
        ("provider/region", "somewhere", "provider.region is 'somewhere'"),
        ("provider/availability_zone", "eu-west-3c", "'eu-west-3c', expected one of eu-west-1"),
        ("provider/availability_zone", None, "provider.availability_zone is ''"),
        (f"{NODE}/ImageId", "<ImageId>", "node_config.ImageId is '<ImageId>', a placeholder"),
        (f"{NODE}/ImageId", "CHANGEME", "a placeholder"),
        (f"{NODE}/ImageId", "ami-12", "node_config.ImageId is 'ami-12', expected ami-0123"),
        (f"{NODE}/ImageId", None, "node_config.ImageId is None"),
        (f"{NODE}/KeyName", None, "node_config.KeyName is None"),
        (f"{NODE}/InstanceType", 5, "node_config.InstanceType is 5"),
        (f"{NODE}/SecurityGroupIds", None, "without it Ray makes a group that is open"),
        (f"{NODE}/SecurityGroupIds", [], "without it Ray makes a group that is open"),
        (f"{NODE}/SecurityGroupIds", ["sg-<id>"], "placeholder"),
        (f"{NODE}/SecurityGroupIds", ["default"], "SecurityGroupIds is ['default']"),
        ("available_node_types/worker/min_workers", -1, "min_workers is -1, expected 0 to"),
        ("available_node_types/worker/max_workers", -1, "expected 0 to max_workers -1"),
        ("available_node_types/head/max_workers", 2, "the head is no worker"),
        ("available_node_types", None, "head_node_type"),
        ("auth/ssh_private_key", None, "auth.ssh_private_key is missing"),
        ("auth/ssh_user", None, "auth.ssh_user is missing"),
        ("file_mounts", {}, f"file_mounts lacks {TOKEN}"),
        ("file_mounts", {"a": 1}, "Ray cannot read it"),
        ("head_start_ray_commands", ["ray start --head"], "starts Ray without RAY_AUTH_MODE=token"),
        (
            "head_start_ray_commands",
            ["RAY_AUTH_MODE=token ray start --head --dashboard-host=0.0.0.0"],
            "binds the dashboard to 0.0.0.0",
        ),
        (
            "provider/security_group",
            {
                "IpPermissions": [
                    {"IpRanges": [{"CidrIp": "0.0.0.0/0"}], "FromPort": 22, "ToPort": 22}
                ]
            },
            "opens ports 22 to 22 from 0.0.0.0/0, which is the world",
        ),
        ("provider/security_group", {"IpPermissions": [5]}, "is no list of AWS's rules"),
    ],
)
def test_a_problem_at_aws_is_told(path, value, told):
    found = problems(_changed(GOOD_AWS, path, value))
    assert any(told in line for line in found), found
    assert all("\n" not in line for line in found)


@pytest.mark.parametrize(
    ("path", "value", "told"),
    [
        ("provider/head_ip", None, "Please supply a `head_ip`"),
        ("provider/worker_ips", "10.0.0.2", "worker_ips"),
        ("provider/worker_ips", [5], "in quotes"),
        ("provider/coordinator_address", "10.0.0.9:80", "expected head_ip and worker_ips"),
        ("available_node_types", {"a": {}}, "not supported for on-premise"),
    ],
)
def test_a_problem_of_hosts_is_told(path, value, told):
    content = _changed(GOOD_HOSTS, path, value)
    if "coordinator" in path:
        content["max_workers"] = 2
    found = problems(content)
    assert any(told in line for line in found), found


def test_commands_may_redirect():
    content = _changed(GOOD_AWS, "setup_commands", ["cat <in >out", "echo TODO"])
    assert problems(content) == []


@pytest.mark.parametrize("content", [{}, {"provider": 5}, {"provider": {"type": ["aws"]}}])
def test_hardly_a_cluster_file(content):
    assert any("provider.type is" in line for line in problems(content))


def test_the_files_that_a_cluster_needs(tmp_path):
    here = tmp_path / "key"
    content = yaml.safe_load(
        render(aws(ssh_key=str(here), mounts=(("~/a", str(tmp_path / "no")),)))
    )
    assert list(missing_files(content)) == [
        f"auth.ssh_private_key is '{here}', which is not on this machine",
        f"file_mounts.~/a is '{tmp_path / 'no'}', which is not on this machine",
    ]
    here.touch()
    (tmp_path / "no").mkdir()
    assert list(missing_files(content)) == []


def test_the_groups_of_a_cluster():
    assert group_ids(GOOD_AWS) == ["sg-0123456789abcdef0"]
