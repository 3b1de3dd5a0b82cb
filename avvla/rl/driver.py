"""What drives without Ray: an exported network, or chance.

    <folder>/driver.json           the configuration and the network's shape
            /network.safetensors   its weights

Neither holds anything that runs when it is read.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any, Protocol

import gymnasium
import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from avvla.errors import UserError
from avvla.files import replacing
from avvla.record import Record, read_record
from avvla.rl.network import GaussianNetwork, QNetwork, Shape, make_network
from avvla.rl.reading import settings_of
from avvla.rl.settings import Settings

DRIVER, WEIGHTS = "driver.json", "network.safetensors"


class Driver(Protocol):
    """Anything that acts on a batch of observations."""

    def act(self, observations: NDArray[Any]) -> NDArray[Any]:
        """An action for each."""
        ...


class Exported(Record):
    """What is said of the weights."""

    settings: dict[str, Any]
    shape: Shape


class NetworkDriver:
    """A trained network, always at its best action.

    Args:
        network: of `avvla.rl.network`.
        shape: its shape.
        device: torch device.
    """

    def __init__(
        self, network: QNetwork | GaussianNetwork, shape: Shape, device: str = "cpu"
    ) -> None:
        self._network, self._device = network.to(device).eval(), device
        self.shape = shape

    def act(self, observations: NDArray[Any]) -> NDArray[Any]:
        """The best action for each picture (B, H, W, C) uint8."""
        with torch.inference_mode():
            pictures = torch.from_numpy(np.ascontiguousarray(observations)).to(self._device)
            return np.asarray(self._network.act(pictures).cpu().numpy())


class RandomDriver:
    """Every action as likely as any other."""

    def __init__(self, space: gymnasium.Space[Any], seed: int) -> None:
        self._space = space
        space.seed(seed)

    def act(self, observations: NDArray[Any]) -> NDArray[Any]:
        """Actions by chance."""
        return np.stack([self._space.sample() for _ in observations])


def save_driver(folder: Path, plain: dict[str, Any], shape: Shape, network: nn.Module) -> None:
    """Write the two files; equal weights give equal bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    record = Exported(settings=plain, shape=shape)
    weights = {name: value.detach().cpu() for name, value in network.state_dict().items()}
    with replacing(folder / WEIGHTS) as temporary:
        save_file({name: value.contiguous() for name, value in weights.items()}, temporary)
    with replacing(folder / DRIVER) as temporary:
        temporary.write_text(record.model_dump_json(indent=2) + "\n")


def load_driver(folder: Path, device: str = "cpu") -> tuple[Settings, NetworkDriver]:
    """An exported driver and the configuration that it was trained with.

    Raises:
        UserError: a file is missing or damaged, or the weights are of another network.
    """
    remake = "export it again with `avvla rl export`"
    record = read_record(Exported, folder / DRIVER, remake)
    settings = settings_of(record.settings)
    try:
        network = make_network(record.shape)
        network.load_state_dict(load_file(folder / WEIGHTS))
        return settings, NetworkDriver(network, record.shape, device)
    except FileNotFoundError:
        raise UserError(f"{folder / WEIGHTS} is missing: {remake}") from None
    except (OSError, RuntimeError, ValueError, SafetensorError) as error:
        reason = " ".join(str(error).split())
        raise UserError(f"{folder / WEIGHTS} cannot be used ({reason}): {remake}") from None


def copy_driver(source: Path, target: Path) -> None:
    """Put a whole driver under another folder's name.

    Raises:
        UserError: the source is no driver, or the target exists.
    """
    load_driver(source)
    if target.exists():
        raise UserError(f"{target} exists: name a folder that does not, or remove it")
    with replacing(target) as temporary:
        shutil.rmtree(temporary, ignore_errors=True)
        shutil.copytree(source, temporary)
