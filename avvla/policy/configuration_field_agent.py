"""Configuration of the Field Agent, in the form LeRobot registers under `field_agent`.

The data set stores each action chunk whole: the feature `action` has shape (chunk_size, 2) =
(acceleration [m/s^2], curvature [1/m]), so no sample needs frames other than its own.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from draccus.utils import DraccusException
from lerobot.configs import FeatureType, NormalizationMode, PolicyFeature, PreTrainedConfig
from lerobot.policies.smolvla.configuration_smolvla import SmolVLAConfig
from lerobot.utils.constants import ACTION, OBS_STATE

from avvla.actions.unicycle import DT_S, HORIZON, check_integrator
from avvla.errors import UserError
from avvla.features import IMAGE
from avvla.physical_ai.camera import Crop

STATE_DIM = 2
ACTION_DIM = 2


class Scales(NamedTuple):
    """Physical size of one network unit."""

    speed: float
    """[m/s]"""
    heading: float
    """[rad]"""
    acceleration: float
    """[m/s^2]"""
    curvature: float
    """[1/m], of the companding asinh(curvature / scale)"""


def features(image_size: int) -> tuple[dict[str, PolicyFeature], dict[str, PolicyFeature]]:
    """Input and output features for a square camera image of `image_size` pixels."""
    inputs = {
        IMAGE: PolicyFeature(FeatureType.VISUAL, (3, image_size, image_size)),
        OBS_STATE: PolicyFeature(FeatureType.STATE, (STATE_DIM,)),
    }
    return inputs, {ACTION: PolicyFeature(FeatureType.ACTION, (HORIZON, ACTION_DIM))}


def _identity() -> dict[str, NormalizationMode]:
    return dict.fromkeys(("VISUAL", "STATE", "ACTION"), NormalizationMode.IDENTITY)


@PreTrainedConfig.register_subclass("field_agent")
@dataclass
class FieldAgentConfig(SmolVLAConfig):  # type: ignore[misc]  # lerobot is untyped
    """SmolVLA's configuration with a unicycle's actions.

    Args:
        chunk_size: actions that the network plans, the first of the 64 that are stored.
        n_action_steps: actions that LeRobot's own loops run on one plan.
        dt: length of an action [s].
        integrator: unicycle integrator that the labels were fitted with.
        horizon_decay_s: time after which a step of the plan weighs 1/e in the flow-matching loss
            [s]; 0 weighs all alike, as SmolVLA does.
        trajectory_loss: weight of the path's error [1/m] beside the flow-matching loss.
        temporal_loss: weight of the plan's roughness beside it.
        num_steps: Euler steps of the flow at inference.
        max_state_dim, max_action_dim: padded widths; 2 trains from scratch, 32 fits hub weights.
        speed_scale, heading_scale, acceleration_scale, curvature_scale: see `Scales`.
        crop: what the training images kept of the front wide camera; a deployment shows the same.
            None where LeRobot's own trainer made the policy, which does not know.

    Raises:
        UserError: a value out of range, or features that are not the Field Agent's.
    """

    chunk_size: int = HORIZON
    n_action_steps: int = 10
    dt: float = DT_S
    integrator: str = "euler"
    horizon_decay_s: float = 0.0
    trajectory_loss: float = 0.0
    temporal_loss: float = 0.0
    num_steps: int = 2
    max_state_dim: int = STATE_DIM
    max_action_dim: int = ACTION_DIM
    speed_scale: float = 10.0
    heading_scale: float = 0.2
    acceleration_scale: float = 1.0
    curvature_scale: float = 0.008
    crop: Crop | None = None
    resize_imgs_with_padding: tuple[int, int] | None = None
    freeze_vision_encoder: bool = False
    train_expert_only: bool = False
    push_to_hub: bool = False
    optimizer_grad_clip_norm: float = 10.0
    # LeRobot's trainer overrides the normaliser's statistics by name, so the step stays in the
    # pipeline and does nothing: the network's units are the fixed scales above.
    normalization_mapping: dict[str, NormalizationMode] = field(default_factory=_identity)

    def __post_init__(self) -> None:
        for name in ("dt", "speed_scale", "heading_scale", "acceleration_scale", "curvature_scale"):
            if not getattr(self, name) > 0:
                raise UserError(f"{name} is {getattr(self, name)}, expected more than 0")
        for name, least in (("max_state_dim", STATE_DIM), ("max_action_dim", ACTION_DIM)):
            if getattr(self, name) < least:
                raise UserError(f"{name} is {getattr(self, name)}, expected {least} or more")
        if self.num_steps < 1:
            raise UserError(f"num_steps is {self.num_steps}, expected 1 Euler step or more")
        for name in ("horizon_decay_s", "trajectory_loss", "temporal_loss"):
            if not getattr(self, name) >= 0:
                raise UserError(f"{name} is {getattr(self, name)}, expected 0 or more")
        if not 1 <= self.chunk_size <= HORIZON:
            raise UserError(f"chunk_size is {self.chunk_size}, expected 1 to {HORIZON} actions")
        if not 1 <= self.n_action_steps <= self.chunk_size:
            raise UserError(
                f"n_action_steps is {self.n_action_steps}, expected 1 to {self.chunk_size}"
            )
        check_integrator(self.integrator)
        if self.crop is not None:
            _check_crop(self.crop)
        super().__post_init__()

    @property
    def scales(self) -> Scales:
        """The network's units."""
        return Scales(
            self.speed_scale, self.heading_scale, self.acceleration_scale, self.curvature_scale
        )

    @property
    def image_size(self) -> int:
        """Side of the square camera image [px]."""
        return int(self.image_features[IMAGE].shape[-1])

    @property
    def action_feature(self) -> PolicyFeature | None:
        """One action of the chunk: SmolVLA takes the first axis for the action's width."""
        chunk = super().action_feature
        return None if chunk is None else PolicyFeature(chunk.type, chunk.shape[-1:])

    @property
    def observation_delta_indices(self) -> None:
        """None: a sample needs no other frame's observation."""
        return None

    @property
    def action_delta_indices(self) -> None:
        """None: the chunk is stored in the sample."""
        return None

    def validate_features(self) -> None:
        """Check that the features are the Field Agent's.

        Raises:
            UserError: another camera, image not square, or another state or action shape.
        """
        inputs, outputs = self.input_features or {}, self.output_features or {}
        cameras = {name: feature.shape for name, feature in self.image_features.items()}
        if list(cameras) != [IMAGE]:
            raise UserError(f"cameras are {sorted(cameras)}, expected [{IMAGE!r}]")
        if (
            len(cameras[IMAGE]) != 3
            or cameras[IMAGE][0] != 3
            or cameras[IMAGE][1] != cameras[IMAGE][2]
        ):
            raise UserError(
                f"{IMAGE} has shape {cameras[IMAGE]}, expected (3, S, S): a square image"
            )
        for name, got, expected in (
            (OBS_STATE, inputs.get(OBS_STATE), (STATE_DIM,)),
            (ACTION, outputs.get(ACTION), (HORIZON, ACTION_DIM)),
        ):
            if got is None or tuple(got.shape) != expected:
                raise UserError(f"{name} has shape {got and got.shape}, expected {expected}")


def _check_crop(crop: Crop) -> None:
    for name in ("up_deg", "down_deg", "side_deg"):
        if not 0 < getattr(crop, name) <= 90:
            raise UserError(
                f"crop.{name} is {getattr(crop, name)}, expected more than 0 and at most 90 degrees"
            )


def read_config(folder: Path) -> FieldAgentConfig:
    """The configuration of a checkpoint folder.

    Raises:
        UserError: no readable config.json, or that of another policy.
    """
    path = folder / "config.json"
    try:
        kind = json.loads(path.read_text()).get("type")
    except FileNotFoundError:
        raise UserError(
            f"{path} is missing: expected a folder written by `dvc repro train`"
        ) from None
    except (OSError, ValueError, AttributeError) as error:
        raise UserError(f"{path} cannot be read as a configuration: {error}") from None
    if kind != "field_agent":
        raise UserError(f"{path} is of a policy of type {kind!r}, expected 'field_agent'")
    try:
        config = PreTrainedConfig.from_pretrained(folder)
    except DraccusException as error:
        raise UserError(
            f"{path} does not fit this version: {' '.join(str(error).split())}"
        ) from None
    assert isinstance(config, FieldAgentConfig)
    return config
