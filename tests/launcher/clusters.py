"""Settings of clusters that have nothing wrong with them."""

from avvla.launcher.settings import AwsCluster, HostCluster

AWS = {
    "name": "avvla",
    "ssh_user": "ubuntu",
    "ssh_key": "~/.ssh/avvla/avvla.pem",
    "region": "eu-west-1",
    "zone": "eu-west-1b",
    "image_id": "ami-0123456789abcdef0",
    "security_group_id": "sg-0123456789abcdef0",
    "key_name": "avvla",
}
HOSTS = {
    "name": "lab",
    "ssh_user": "me",
    "ssh_key": "~/.ssh/id_ed25519",
    "head": "10.0.0.1",
    "workers": ("10.0.0.2", "node-3.lan"),
}


def aws(**changes) -> AwsCluster:
    return AwsCluster(**(AWS | changes))


def hosts(**changes) -> HostCluster:
    return HostCluster(**(HOSTS | changes))
