"""Make an image: rent a machine, install on it, stop it, copy its disk, give the machine back."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from avvla.aws import instance
from avvla.aws.account import Account, told
from avvla.aws.names import NAME, Image, Network, matching
from avvla.aws.preflight import require_free_image_name
from avvla.aws.rental import Wanted, prepare, reach, rented, tell
from avvla.aws.ssh import Remote, put, run_script
from avvla.errors import UserError


@dataclass(frozen=True)
class Recipe:
    """What to make an image from, and how; its name is the machine's, which gets `-builder`."""

    machine: Wanted
    ssh_user: str
    puts: tuple[tuple[str, str], ...]
    """Files and folders to copy there, with where to, before the scripts."""
    scripts: tuple[Path, ...]
    log: Path
    keep: bool
    """Leave the machine as it is in the end, to be looked at."""


def create_image(account: Account, recipe: Recipe, caller: Network) -> Image:
    """Make an image after `recipe`; `caller` is who may use ssh on its machines.

    Raises:
        UserError: something is missing or taken, AWS refuses, or a script ends with a code that is
            not 0. No image is left under the name, and no machine unless it is to be kept.
        KeyboardInterrupt: after the machine has been given back.
    """
    name = matching("image name", recipe.machine.name, NAME, "avvla-2026-11")
    for path in (*recipe.scripts, *(Path(source) for source, _ in recipe.puts)):
        if not path.exists():
            raise UserError(f"{path} is missing: name a file of this machine")
    require_free_image_name(account, name)
    order = prepare(account, replace(recipe.machine, name=f"{name}-builder"), caller)
    with rented(account, order, "never" if recipe.keep else "always") as instance_id:
        found = instance.find(account, order.name)
        _install(reach(found, recipe.ssh_user, recipe.machine.keys), recipe)
        tell(f"{instance_id}: stops, as a disk is copied whole only at rest")
        instance.stop(account, order.name)
        image_id = _copy_disk(account, name, instance_id)
    return Image(image_id=image_id, region=account.region, security_group_id=order.group_id)


def _install(remote: Remote, recipe: Recipe) -> None:
    for source, target in recipe.puts:
        tell(f"{remote.alias}: {source} to {target}")
        put(remote, source, target, ())
    for number, script in enumerate(recipe.scripts):
        tell(f"{remote.alias}: runs {script}")
        code = run_script(remote, script, (), recipe.log, append=number > 0)
        if code:
            raise UserError(
                f"{script} ended with code {code} on {remote.alias}, so there is no image:"
                f" {recipe.log} has its output, and --keep leaves the machine to be looked at"
            )


def _copy_disk(account: Account, name: str, instance_id: str) -> str:
    tags = [{"Key": "Name", "Value": name}, {"Key": "avvla", "Value": name}]
    with told(f"make the image {name}"):
        image_id = str(
            account.ec2.create_image(
                InstanceId=instance_id,
                Name=name,
                TagSpecifications=[{"ResourceType": "image", "Tags": tags}],
            )["ImageId"]
        )
    tell(f"{image_id}: waiting until it is available")
    try:
        instance.wait_for_image(account, image_id)
    except BaseException:
        # Half an image must not keep the name.
        with told(f"remove the image {image_id}, which did not become available"):
            account.ec2.deregister_image(ImageId=image_id, DeleteAssociatedSnapshots=True)
        raise
    return image_id
