"""LeRobot's own SmolVLA for a robot arm: several cameras, one action a frame, MEAN_STD units.

A checkpoint is one that `SmolVLAPolicy.from_pretrained` opens. It holds its backbone, and names it
by the path that the checkpoint was saved under: from the project's root it loads as it is,
elsewhere with `vlm_model_name` set to its folder `backbone`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lerobot.configs import FeatureType, PolicyFeature
from lerobot.policies.smolvla.configuration_smolvla import SmolVLAConfig
from lerobot.policies.smolvla.modeling_smolvla import SmolVLAPolicy
from lerobot.policies.smolvla.processor_smolvla import make_smolvla_pre_post_processors
from lerobot.processor import TokenizerProcessorStep
from lerobot.utils.constants import ACTION, OBS_STATE
from torch import Tensor

from avvla.config import Params
from avvla.errors import UserError
from avvla.policy.base import base_of
from avvla.policy.checkpoint import Checkpoint, check_device
from avvla.policy.estimate import estimate, roughness, velocities
from avvla.policy.network import make_policy, network_settings
from avvla.policy.portable import BACKBONE_FOLDER, save_portable

CHUNK_SIZE = 50
"""Actions of a plan unless told otherwise, as SmolVLA has it (arXiv 2506.01844)."""
PAD = "action_is_pad"
"""LeRobot's mask of the steps past an episode's end."""

Statistics = Mapping[str, Mapping[str, Tensor]]
"""Feature -> mean, std, ... of its components."""


@dataclass(frozen=True)
class Shapes:
    """What a data set of episodes has in a frame."""

    cameras: tuple[str, ...]
    """Features of the cameras, square pictures."""
    state: int
    action: int


class RobotPolicy(SmolVLAPolicy):  # type: ignore[misc]  # lerobot is untyped
    """SmolVLA that saves its backbone beside its weights, and whose loss may count roughness.

        loss = flow + temporal_loss * mean of (1 - t) R

    R is the roughness of the plan a0 within the episode (`avvla.policy.estimate`). The mean weighs
    a sample by its steps within the episode, as LeRobot's loss does.
    """

    backbone_name: str
    """`vlm_model_name` of its checkpoints."""
    temporal_loss: float = 0.0

    def forward(
        self,
        batch: dict[str, Tensor],
        noise: Tensor | None = None,
        time: Tensor | None = None,
        reduction: str = "mean",
    ) -> tuple[Tensor, dict[str, float]]:
        """Training loss of a preprocessed batch; arguments and results as LeRobot's."""
        action = self.prepare_action(batch)
        if noise is None:
            noise = self.model.sample_noise(action.shape, action.device)
        if time is None:
            time = self.model.sample_time(action.shape[0], action.device)
        with velocities(self.model) as seen:
            loss, _ = super().forward(batch, noise, time, reduction)
        terms = {"loss_flow": loss.mean().item()}
        if self.temporal_loss > 0:
            inside = ~batch[PAD]
            width = batch[ACTION].shape[-1]
            plan = estimate(action, noise, time, seen[-1])[..., :width]
            rough = (1 - time) * roughness(plan, inside)
            counted = inside.sum(1).to(rough.dtype)
            term = rough if reduction == "none" else (rough * counted).sum() / counted.sum()
            loss = loss + self.temporal_loss * term
            terms["loss_temporal"] = term.mean().item()
        return loss, terms

    def _save_pretrained(
        self, save_directory: Path, state_dict: dict[str, Tensor] | None = None
    ) -> None:
        super()._save_pretrained(save_directory, state_dict)
        save_portable(self, save_directory, self.backbone_name)


def make_robot_policy(
    params: Params, shapes: Shapes, statistics: Statistics, device: str, folder: Path
) -> Checkpoint:
    """A policy to train, its weights freshly drawn or a base's, and its processors.

    Args:
        params: sizes, seed and backbone or base.
        shapes: of the data set.
        statistics: of the data set's state and action.
        device: torch device.
        folder: where its checkpoint will lie.

    Raises:
        UserError: this machine lacks the device or the base, the sizes do not fit each other, or a
            parameter asks for what only a Field Agent has.
    """
    check_device(device)
    _check_widths(params, shapes)
    _check_no_drives(params)
    policy, size, base = params.policy, params.build.image_size, base_of(params.policy)
    camera = PolicyFeature(FeatureType.VISUAL, (3, size, size))
    with network_settings(params, base) as network:
        config = SmolVLAConfig(
            **network,
            device=device,
            input_features={
                **dict.fromkeys(shapes.cameras, camera),
                OBS_STATE: PolicyFeature(FeatureType.STATE, (shapes.state,)),
            },
            output_features={ACTION: PolicyFeature(FeatureType.ACTION, (shapes.action,))},
            chunk_size=chunk_of(params),
            n_action_steps=chunk_of(params),
            resize_imgs_with_padding=(size, size),
            push_to_hub=False,
        )
        robot = make_policy(RobotPolicy, config, params, base)
        preprocessor, postprocessor = make_smolvla_pre_post_processors(config, dict(statistics))
    robot.temporal_loss = policy.temporal_loss
    robot.backbone_name = (folder / BACKBONE_FOLDER).as_posix()
    for step in preprocessor.steps:
        if isinstance(step, TokenizerProcessorStep):
            step.tokenizer_name = robot.backbone_name
    robot.to(device)
    return Checkpoint(robot, preprocessor, postprocessor)


def chunk_of(params: Params) -> int:
    """Actions of a plan."""
    return CHUNK_SIZE if params.policy.chunk_size is None else params.policy.chunk_size


def check_tasks(checkpoint: Checkpoint, tasks: Sequence[str]) -> None:
    """Refuse a text whose end the policy would not read.

    Raises:
        UserError: a task has more tokens than the policy takes.
    """
    tokenizer = checkpoint.policy.model.vlm_with_expert.processor.tokenizer
    most = checkpoint.policy.config.tokenizer_max_length
    for task in tasks:
        count = len(tokenizer.encode(f"{task}\n"))
        if count > most:
            raise UserError(
                f"the task {task!r} has {count} tokens, expected at most {most}: shorten"
                " label.command"
            )


def _check_widths(params: Params, shapes: Shapes) -> None:
    """Refuse a padded width that does not hold the data's."""
    width = max(shapes.state, shapes.action)
    if params.policy.max_dim < width:
        raise UserError(
            f"policy.max_dim is {params.policy.max_dim}, expected {width} or more: the state has"
            f" {shapes.state} components and the action {shapes.action}; hub weights need 32"
        )


def _check_no_drives(params: Params) -> None:
    """Refuse what only a Field Agent has."""
    of_drives: dict[str, Any] = {
        "policy.horizon_decay_s": params.policy.horizon_decay_s,
        "policy.trajectory_loss": params.policy.trajectory_loss,
        "train.heading_dropout": params.train.heading_dropout,
        "train.mirror": params.train.mirror,
        "train.blind": params.train.blind,
    }
    wrong = {name: value for name, value in of_drives.items() if value}
    if wrong:
        told = ", ".join(f"{name} = {value}" for name, value in wrong.items())
        raise UserError(
            f"{told}: these concern the Field Agent alone, expected 0 or false for a robot arm; the"
            " profile insertion_sim sets them"
        )
