"""Making, saving and loading a policy with its processors.

A checkpoint is LeRobot's `pretrained_model` folder plus `backbone/`: it may be moved, and the same
weights write the same bytes.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from tempfile import mkdtemp
from typing import NamedTuple

from lerobot.policies.factory import make_pre_post_processors
from lerobot.policies.smolvla.modeling_smolvla import SmolVLAPolicy
from lerobot.processor import PolicyProcessorPipeline
from lerobot.utils.device_utils import is_torch_device_available
from safetensors import SafetensorError

from avvla.actions.unicycle import HORIZON
from avvla.config import Params
from avvla.errors import UserError
from avvla.physical_ai.camera import Crop
from avvla.policy.base import base_of
from avvla.policy.configuration_field_agent import FieldAgentConfig, features, read_config
from avvla.policy.lora import has_adapters, merged
from avvla.policy.modeling_field_agent import FieldAgentPolicy
from avvla.policy.network import make_policy, network_settings
from avvla.policy.processor_field_agent import field_agent_processors


class Checkpoint(NamedTuple):
    """A policy, Field Agent or robot's, and what stands before and after it."""

    policy: SmolVLAPolicy
    preprocessor: PolicyProcessorPipeline
    postprocessor: PolicyProcessorPipeline


def make_field_agent(params: Params, device: str) -> FieldAgentPolicy:
    """A Field Agent to train, its weights freshly drawn or a base's.

    The same parameters give the same weights.

    Raises:
        UserError: this machine lacks the device or the base, or sizes do not fit each other.
    """
    check_device(device)
    policy, base = params.policy, base_of(params.policy)
    inputs, outputs = features(params.build.image_size)
    chunk = HORIZON if policy.chunk_size is None else policy.chunk_size
    with network_settings(params, base) as network:
        config = FieldAgentConfig(
            **network,
            device=device,
            input_features=inputs,
            output_features=outputs,
            integrator=params.action.integrator,
            horizon_decay_s=policy.horizon_decay_s,
            trajectory_loss=policy.trajectory_loss,
            temporal_loss=policy.temporal_loss,
            chunk_size=chunk,
            n_action_steps=min(chunk, FieldAgentConfig.n_action_steps),
            speed_scale=policy.speed_scale,
            heading_scale=policy.heading_scale,
            acceleration_scale=policy.acceleration_scale,
            curvature_scale=policy.curvature_scale,
            crop=Crop.of(params.build),
        )
        agent = make_policy(FieldAgentPolicy, config, params, base)
    agent.to(device)
    return agent


def processors_of(
    policy: FieldAgentPolicy,
) -> tuple[PolicyProcessorPipeline, PolicyProcessorPipeline]:
    """Pre- and post-processor of a policy, with the tokenizer of its backbone."""
    return field_agent_processors(policy.config, policy.tokenizer)


def save_checkpoint(
    folder: Path,
    policy: SmolVLAPolicy,
    preprocessor: PolicyProcessorPipeline,
    postprocessor: PolicyProcessorPipeline,
) -> None:
    """Write a checkpoint folder in place of what is there, whole or not at all.

    Adapters are written as part of the weights that they stand beside.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    work = Path(mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        fresh = work / "new"
        state = merged(policy) if has_adapters(policy) else None
        policy.save_pretrained(fresh, state_dict=state)
        preprocessor.save_pretrained(fresh)
        postprocessor.save_pretrained(fresh)
        for path in fresh.rglob("*.safetensors"):
            path.chmod(0o644)  # safetensors writes for the owner alone
        if folder.exists():
            folder.rename(work / "old")
        fresh.rename(folder)
    finally:
        shutil.rmtree(work)


def load_checkpoint(folder: Path, device: str) -> Checkpoint:
    """Load a checkpoint for inference.

    Raises:
        UserError: this machine lacks the device, or the folder is no Field Agent's checkpoint, is
            incomplete or is damaged.
    """
    check_device(device)
    config = read_config(folder)
    config.device = device
    policy = FieldAgentPolicy.from_pretrained(folder, config=config)
    try:
        preprocessor, postprocessor = make_pre_post_processors(
            config,
            pretrained_path=str(folder),
            preprocessor_overrides={"device_processor": {"device": device}},
        )
    except (FileNotFoundError, json.JSONDecodeError, SafetensorError) as error:
        reason = " ".join(str(error).split())
        raise UserError(
            f"{folder} has no usable processors ({reason}): copy the whole folder again"
        ) from None
    return Checkpoint(policy, preprocessor, postprocessor)


def check_device(device: str) -> None:
    """Refuse a device that LeRobot would silently replace.

    Raises:
        UserError: torch cannot use `device` here.
    """
    try:
        known = is_torch_device_available(device)
    except ValueError:
        known = False
    if not known:
        raise UserError(
            f"device is {device!r}, which torch cannot use on this machine: set AVVLA_DEVICE=cpu"
        )
