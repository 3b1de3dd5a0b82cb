"""From samples to the network's units and tokens, and back to physical actions.

The units are fixed, not statistics of a data set, so no statistic can be lost or left behind:

    state   (v / speed_scale, heading change / heading_scale)
    action  (a / acceleration_scale, asinh(curvature / curvature_scale))

The asinh compands: a lane-keeping correction (1e-3 1/m) would vanish beside a turn (0.15 1/m) on
a linear scale.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import torch
from lerobot.configs import FeatureType, PipelineFeatureType, PolicyFeature
from lerobot.lerobot_types import EnvTransition, TransitionKey
from lerobot.processor import (
    NewLineTaskProcessorStep,
    PolicyActionProcessorStep,
    PolicyProcessorPipeline,
    ProcessorStep,
    ProcessorStepRegistry,
    make_default_policy_processor_steps,
    make_policy_processor_pipelines,
)
from lerobot.utils.constants import OBS_LANGUAGE_ATTENTION_MASK, OBS_LANGUAGE_TOKENS, OBS_STATE
from tokenizers import Tokenizer
from torch import Tensor
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from avvla.errors import UserError
from avvla.policy.configuration_field_agent import FieldAgentConfig, Scales

MAX_ACCELERATION = 9.8
"""Largest planned acceleration either way [m/s^2]: gravity, no car does more."""
MAX_CURVATURE = 0.33
"""Largest planned curvature either way [1/m]: a radius of 3 m, tighter than any car turns."""

Features = dict[PipelineFeatureType, dict[str, PolicyFeature]]


def state_to_network(state: Tensor, scales: Scales) -> Tensor:
    """(..., 2) speed [m/s] and heading change [rad] in network units."""
    return state / state.new_tensor([scales.speed, scales.heading])


def speed_of(network_state: Tensor, scales: Scales) -> Tensor:
    """(...,) speed [m/s] of a (..., 2 or more) state in network units."""
    return network_state[..., 0] * scales.speed


def to_network_units(action: Tensor, scales: Scales) -> Tensor:
    """(..., 2) acceleration [m/s^2] and curvature [1/m] in network units."""
    acceleration, curvature = action.unbind(-1)
    return torch.stack(
        [acceleration / scales.acceleration, torch.asinh(curvature / scales.curvature)], -1
    )


def to_physical_units(network_action: Tensor, scales: Scales) -> Tensor:
    """Inverse of `to_network_units` within |a| <= 9.8 m/s^2 and |curvature| <= 0.33 1/m.

    The clamp is on the argument of the sinh, which keeps both the value and its gradient finite.
    """
    acceleration, curvature = network_action.unbind(-1)
    largest = math.asinh(MAX_CURVATURE / scales.curvature)
    return torch.stack(
        [
            (acceleration * scales.acceleration).clamp(-MAX_ACCELERATION, MAX_ACCELERATION),
            torch.sinh(curvature.clamp(-largest, largest)) * scales.curvature,
        ],
        -1,
    )


@dataclass
@ProcessorStepRegistry.register(name="field_agent_network_units")
class NetworkUnitsStep(ProcessorStep):  # type: ignore[misc]  # lerobot is untyped
    """State, and the action where there is one, from physical to network units."""

    scales: Scales

    def __post_init__(self) -> None:
        self.scales = Scales(*self.scales)

    def __call__(self, transition: EnvTransition) -> EnvTransition:
        """A copy of the transition in network units."""
        converted = transition.copy()
        observation = dict(transition[TransitionKey.OBSERVATION])
        observation[OBS_STATE] = state_to_network(observation[OBS_STATE], self.scales)
        converted[TransitionKey.OBSERVATION] = observation
        action = transition.get(TransitionKey.ACTION)
        if action is not None:
            converted[TransitionKey.ACTION] = to_network_units(action, self.scales)
        return converted

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments, for LeRobot's JSON."""
        return {"scales": list(self.scales)}

    def transform_features(self, features: Features) -> Features:
        """Shapes do not change."""
        return features


@dataclass
@ProcessorStepRegistry.register(name="field_agent_physical_units")
class PhysicalUnitsStep(PolicyActionProcessorStep):  # type: ignore[misc]  # lerobot is untyped
    """The planned action from network to physical units."""

    scales: Scales

    def __post_init__(self) -> None:
        self.scales = Scales(*self.scales)

    def action(self, action: Tensor) -> Tensor:
        """(..., 2) acceleration [m/s^2] and curvature [1/m]."""
        return to_physical_units(action, self.scales)

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments, for LeRobot's JSON."""
        return {"scales": list(self.scales)}

    def transform_features(self, features: Features) -> Features:
        """Shapes do not change."""
        return features


@dataclass
@ProcessorStepRegistry.register(name="field_agent_tokenizer")
class TokenizerStep(ProcessorStep):  # type: ignore[misc]  # lerobot is untyped
    """The command's text as tokens, by a tokenizer that travels in the step's own state.

    The state is the text of `tokenizer.json` as bytes, so a checkpoint needs neither the hub nor
    the folder it was trained in.
    """

    max_length: int
    pad_token_id: int
    tokenizer: Tokenizer | None = None
    _known: dict[str, list[int]] = field(default_factory=dict, init=False, repr=False)

    def tokens(self, text: str) -> list[int]:
        """Token ids of one text, at most `max_length`."""
        if text not in self._known:
            assert self.tokenizer is not None, "load_state_dict comes before the first text"
            self._known[text] = self.tokenizer.encode(text).ids[: self.max_length]
        return self._known[text]

    def __call__(self, transition: EnvTransition) -> EnvTransition:
        """A copy of the transition with (B, L) tokens and mask, padded on the right."""
        rows = [self.tokens(text) for text in _task(transition)]
        length = max(map(len, rows))
        observation = dict(transition[TransitionKey.OBSERVATION])
        device = observation[OBS_STATE].device
        padded = [row + [self.pad_token_id] * (length - len(row)) for row in rows]
        mask = [[True] * len(row) + [False] * (length - len(row)) for row in rows]
        observation[OBS_LANGUAGE_TOKENS] = torch.tensor(padded, dtype=torch.long, device=device)
        observation[OBS_LANGUAGE_ATTENTION_MASK] = torch.tensor(
            mask, dtype=torch.bool, device=device
        )
        converted = transition.copy()
        converted[TransitionKey.OBSERVATION] = observation
        return converted

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments, for LeRobot's JSON."""
        return {"max_length": self.max_length, "pad_token_id": self.pad_token_id}

    def state_dict(self) -> dict[str, Tensor]:
        """The bytes of `tokenizer.json`."""
        assert self.tokenizer is not None
        text = self.tokenizer.to_str().encode()
        return {"tokenizer_json": torch.frombuffer(bytearray(text), dtype=torch.uint8)}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Rebuild the tokenizer from `state_dict`."""
        self.tokenizer = Tokenizer.from_str(bytes(state["tokenizer_json"].cpu().numpy()).decode())
        self._known.clear()

    def transform_features(self, features: Features) -> Features:
        """Adds the tokens and their mask to the observation."""
        for name in (OBS_LANGUAGE_TOKENS, OBS_LANGUAGE_ATTENTION_MASK):
            features[PipelineFeatureType.OBSERVATION][name] = PolicyFeature(
                FeatureType.LANGUAGE, (self.max_length,)
            )
        return features


def _task(transition: EnvTransition) -> list[str]:
    task = (transition.get(TransitionKey.COMPLEMENTARY_DATA) or {}).get("task")
    texts = [task] if isinstance(task, str) else list(task or [])
    if not texts:
        raise UserError(
            "the batch has no `task`: the Field Agent needs the command's text of every sample"
        )
    return texts


def field_agent_processors(
    config: FieldAgentConfig,
    tokenizer: PreTrainedTokenizerFast,
    dataset_stats: dict[str, dict[str, Tensor]] | None = None,
) -> tuple[PolicyProcessorPipeline, PolicyProcessorPipeline]:
    """Pre- and post-processor of a Field Agent with the tokenizer of its backbone."""
    steps = make_default_policy_processor_steps(config, dataset_stats)
    tokenizer_step = TokenizerStep(
        max_length=config.tokenizer_max_length,
        pad_token_id=tokenizer.pad_token_id,
        tokenizer=Tokenizer.from_str(tokenizer.backend_tokenizer.to_str()),
    )
    pipelines: tuple[PolicyProcessorPipeline, PolicyProcessorPipeline] = (
        make_policy_processor_pipelines(
            input_steps=[
                steps.rename_observations,
                steps.add_batch_dim,
                NewLineTaskProcessorStep(),
                tokenizer_step,
                steps.to_device,
                steps.normalize,
                NetworkUnitsStep(config.scales),
            ],
            output_steps=[PhysicalUnitsStep(config.scales), steps.unnormalize, steps.to_cpu],
        )
    )
    return pipelines


def make_field_agent_pre_post_processors(
    config: FieldAgentConfig, dataset_stats: dict[str, dict[str, Tensor]] | None = None
) -> tuple[PolicyProcessorPipeline, PolicyProcessorPipeline]:
    """LeRobot's entry point for a new policy: the tokenizer comes from `config.vlm_model_name`."""
    return field_agent_processors(
        config, AutoTokenizer.from_pretrained(config.vlm_model_name), dataset_stats
    )
