"""RLlib's view of the networks: what it samples with and learns on (new API stack).

`model_config` of a module is {"shape": a Shape's plain values} and, for `QModule`, the softmax's
temperature under "temperature" where exploration is softmax.
"""

from __future__ import annotations

from typing import Any

import torch
from ray.rllib.algorithms.dqn.default_dqn_rl_module import QF_PREDS
from ray.rllib.algorithms.dqn.torch.default_dqn_torch_rl_module import DefaultDQNTorchRLModule
from ray.rllib.core.columns import Columns
from ray.rllib.core.distribution.torch.torch_distribution import (
    TorchCategorical,
    TorchDiagGaussian,
)
from ray.rllib.core.learner.utils import make_target_network
from ray.rllib.core.rl_module.apis import ValueFunctionAPI
from ray.rllib.core.rl_module.torch import TorchRLModule
from ray.rllib.utils.schedules.scheduler import Scheduler
from torch import Tensor, nn

from avvla.rl.network import GaussianNetwork, QNetwork, Shape

Batch = dict[str, Any]


class Catalog:
    """What RLlib's DQN module asks of a catalogue; the networks are the project's."""

    def __init__(self, **_: Any) -> None: ...

    def get_action_dist_cls(self, framework: str) -> Any:
        """Of discrete actions."""
        return TorchCategorical


class QModule(DefaultDQNTorchRLModule):  # type: ignore[misc]
    """Deep Q-learning on `QNetwork`."""

    def setup(self) -> None:
        """Make the network and the exploration's schedule."""
        self.uses_double_q, self.num_atoms = self.model_config["double_q"], 1
        self.uses_dueling = False  # the network does it itself
        self.epsilon_schedule = Scheduler(
            fixed_value_or_schedule=self.model_config["epsilon"], framework=self.framework
        )
        self.temperature: float | None = self.model_config["temperature"]
        self.network = QNetwork(Shape.model_validate_json(self.model_config["shape"]))

    def get_initial_state(self) -> dict[str, Any]:
        """None: nothing is remembered between steps."""
        return {}

    def get_non_inference_attributes(self) -> list[str]:
        """What sampling does not need."""
        return ["_target_network"]

    def make_target_networks(self) -> None:
        """A copy whose values are learned towards."""
        self._target_network = make_target_network(self.network)

    def get_target_network_pairs(self) -> list[tuple[nn.Module, nn.Module]]:
        """Which follows which."""
        return [(self.network, self._target_network)]

    def compute_q_values(self, batch: Batch) -> dict[str, Tensor]:
        """Values of all actions."""
        return {QF_PREDS: self.network(batch[Columns.OBS])}

    def forward_target(self, batch: Batch) -> dict[str, Tensor]:
        """The same by the target network."""
        return {QF_PREDS: self._target_network(batch[Columns.OBS])}

    def _forward_exploration(self, batch: Batch, t: int) -> Batch:
        if self.temperature is None:
            explored: Batch = super()._forward_exploration(batch, t)
            return explored
        values = self.network(batch[Columns.OBS])
        chances = torch.softmax(values / self.temperature, dim=-1)
        return {Columns.ACTIONS: torch.multinomial(chances, 1).squeeze(-1)}


class GaussianModule(TorchRLModule, ValueFunctionAPI):  # type: ignore[misc]
    """An actor on `GaussianNetwork`, and a critic on the same features."""

    def setup(self) -> None:
        """Make the network and the value's head."""
        shape = Shape.model_validate_json(self.model_config["shape"])
        self.action_dist_cls = TorchDiagGaussian
        self.network = GaussianNetwork(shape)
        self.value = nn.Linear(shape.hidden[-1], 1)

    def _forward(self, batch: Batch, **_: Any) -> Batch:
        return {Columns.ACTION_DIST_INPUTS: self.network(batch[Columns.OBS])}

    def _forward_train(self, batch: Batch, **_: Any) -> Batch:
        features = self.network.encoder(batch[Columns.OBS])
        return {
            Columns.ACTION_DIST_INPUTS: self.network.of_features(features),
            Columns.EMBEDDINGS: features,
        }

    def compute_values(self, batch: Batch, embeddings: Tensor | None = None) -> Tensor:
        """The value of each state (B,)."""
        if embeddings is None:
            embeddings = self.network.encoder(batch[Columns.OBS])
        values: Tensor = self.value(embeddings).squeeze(-1)
        return values
