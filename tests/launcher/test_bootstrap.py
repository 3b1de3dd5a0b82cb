"""Ray's own start of a cluster at AWS's double: our file gives the machines that were decided.

In a process of its own: Ray keeps clients and a key below HOME for as long as it lives.
"""

import importlib.util
import os
import subprocess
import sys

import pytest
from clusters import aws

from avvla.launcher.cluster_file import render

SCRIPT = """
import json, sys, time, boto3, yaml
from moto import mock_aws
time.sleep = lambda seconds: None  # Ray waits for roles to spread over AWS
with mock_aws():
    from ray.autoscaler._private.aws.config import bootstrap_aws
    from ray.autoscaler._private.aws.node_provider import AWSNodeProvider
    from ray.autoscaler._private.util import prepare_config, validate_config
    ec2 = boto3.client("ec2", "eu-west-1")
    vpc = ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
    group = ec2.create_security_group(GroupName="avvla", Description="x", VpcId=vpc)["GroupId"]
    ec2.create_key_pair(KeyName="avvla")
    text = open(sys.argv[1]).read().replace("sg-0123456789abcdef0", group)
    config = prepare_config(yaml.safe_load(text))
    validate_config(config)
    config = bootstrap_aws(config)
    provider = AWSNodeProvider(config["provider"], config["cluster_name"])
    node = dict(config["available_node_types"]["worker"]["node_config"])
    tags = {"ray-node-type": "worker", "ray-user-node-type": "worker"}
    provider.create_node(node, tags, 1)
    made = [i for r in ec2.describe_instances()["Reservations"] for i in r["Instances"]]
    groups = ec2.describe_security_groups()["SecurityGroups"]
    opened = [g["GroupName"] for g in groups for rule in g["IpPermissions"]
              for item in rule["IpRanges"] if item["CidrIp"] == "0.0.0.0/0"]
    (nodes,) = [provider.non_terminated_nodes({})]
    provider.terminate_node(nodes[0])
    print(json.dumps({
        "type": made[0]["InstanceType"], "zone": made[0]["Placement"]["AvailabilityZone"],
        "image": made[0]["ImageId"], "spot": made[0].get("InstanceLifecycle"),
        "group": made[0]["SecurityGroups"][0]["GroupId"] == group, "opened": opened,
        "left": provider.non_terminated_nodes({}),
    }, sort_keys=True))
"""


@pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="Ray is not installed")
def test_ray_starts_the_machines_that_were_decided(tmp_path):
    path = tmp_path / "cluster.yaml"
    path.write_text(render(aws(ssh_key=str(tmp_path / "key"))))
    (tmp_path / "key").touch()
    run = subprocess.run(
        [sys.executable, "-c", SCRIPT, path],
        env=os.environ
        | {
            "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
            "AWS_SECRET_ACCESS_KEY": "not-a-real-secret",
            "HOME": str(tmp_path),
            "MOTO_IAM_LOAD_MANAGED_POLICIES": "true",
        },
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert run.returncode == 0, run.stderr[-3000:]
    assert run.stdout.splitlines()[-1] == (
        '{"group": true, "image": "ami-0123456789abcdef0", "left": [], "opened": [], '
        '"spot": "spot", "type": "m6i.2xlarge", "zone": "eu-west-1b"}'
    )
