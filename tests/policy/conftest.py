from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from lerobot.policies.smolvla.modeling_smolvla import SmolVLAPolicy
from smolvla_factory import smolvla

from avvla.config import Params
from avvla.features import IMAGE
from avvla.policy import base
from avvla.policy.checkpoint import make_field_agent, processors_of, save_checkpoint
from avvla.policy.modeling_field_agent import FieldAgentPolicy

SIZE = 64


@pytest.fixture(scope="session")
def params() -> Params:
    backbone = {"vision_width": 32, "vision_layers": 1, "text_width": 32, "text_layers": 2}
    policy = {"backbone": backbone, "horizon_decay_s": 0.0}  # SmolVLA's own loss
    return Params.model_validate({"build": {"image_size": SIZE}, "policy": policy})


@pytest.fixture(scope="session")
def agent(params: Params) -> FieldAgentPolicy:
    return make_field_agent(params, "cpu").eval()


@pytest.fixture(scope="session")
def raw_batch() -> Callable[[int], dict[str, Any]]:
    def make(size: int) -> dict[str, Any]:
        draw = torch.Generator().manual_seed(3)
        commands = ["Follow the lane", "Change lane left", "Overtake the tractor"]
        return {
            IMAGE: torch.rand(size, 3, SIZE, SIZE, generator=draw),
            "observation.state": torch.rand(size, 2, generator=draw) * torch.tensor([12.0, 0.2]),
            "action": torch.randn(size, 64, 2, generator=draw) * torch.tensor([1.0, 0.02]),
            "task": [commands[i % 3] for i in range(size)],
        }

    return make


@pytest.fixture
def batch(agent: FieldAgentPolicy, raw_batch: Callable[[int], dict[str, Any]]) -> dict[str, Any]:
    batch: dict[str, Any] = processors_of(agent)[0](raw_batch(3))
    return batch


@pytest.fixture
def checkpoint(agent: FieldAgentPolicy, tmp_path: Path) -> Path:
    folder = tmp_path / "field_agent"
    save_checkpoint(folder, agent, *processors_of(agent))
    return folder


@dataclass(frozen=True)
class Imported:
    """A SmolVLA that LeRobot saved, imported as a base into $AVVLA_BASE."""

    policy: SmolVLAPolicy
    root: Path
    digest: str


@pytest.fixture(scope="session")
def saved_smolvla(tmp_path_factory: pytest.TempPathFactory) -> Imported:
    folder = tmp_path_factory.mktemp("smolvla")
    policy = smolvla(folder / "checkpoint", folder / "backbone")
    root = folder / "bases"
    digest = base.keep(root, folder / "checkpoint", folder / "backbone")
    return Imported(policy, root, digest)


@pytest.fixture
def imported(saved_smolvla: Imported, monkeypatch: pytest.MonkeyPatch) -> Imported:
    monkeypatch.setenv("AVVLA_BASE", str(saved_smolvla.root))
    return saved_smolvla
