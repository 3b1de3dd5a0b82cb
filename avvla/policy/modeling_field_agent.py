"""The Field Agent: SmolVLA that plans the actions of a unicycle.

The driver acts on the first actions of a plan and replaces the rest, so step i of the plan weighs
exp(-i dt / horizon_decay_s), scaled to mean 1, in SmolVLA's flow-matching loss (arXiv 2506.01844).
Training can add two terms on the plan a0 that one step of the flow estimates
(`avvla.policy.estimate`), made physical and driven by the unicycle for the first:

    loss = flow + mean over the batch of (1 - t) (trajectory_loss P + temporal_loss R)
    P = mean over steps of h(|p - p*|),  h(d) = sqrt(d^2 + 1) - 1   (d in metres)
    R = mean over steps of |a0[i+1] - 2 a0[i] + a0[i-1]|^2          (network units)

p is the path of a0, p* that of the label, both from the speed at t0; h is the pseudo-Huber distance
(Charbonnier et al. 1997).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Self, cast

import numpy as np
import torch
from lerobot.policies.smolvla.modeling_smolvla import SmolVLAPolicy
from lerobot.utils.constants import (
    ACTION,
    OBS_LANGUAGE_ATTENTION_MASK,
    OBS_LANGUAGE_TOKENS,
)
from lerobot.utils.device_utils import resolve_safetensors_device
from safetensors import SafetensorError
from safetensors.torch import load_model
from torch import Tensor
from transformers import PreTrainedTokenizerFast

from avvla.actions import unicycle, unicycle_torch
from avvla.actions.unicycle import HORIZON
from avvla.errors import UserError
from avvla.policy.backbone import check_backbone
from avvla.policy.configuration_field_agent import ACTION_DIM, FieldAgentConfig, read_config
from avvla.policy.estimate import estimate, roughness, velocities
from avvla.policy.interface import Plan
from avvla.policy.portable import BACKBONE_FOLDER, save_portable
from avvla.policy.processor_field_agent import speed_of, to_physical_units


def path_error(path: Tensor, truth: Tensor) -> Tensor:
    """Pseudo-Huber distance of two paths.

    Args:
        path: (..., T, 2 or more), x and y first [m].
        truth: as `path`.

    Returns:
        (...,) mean over the steps of sqrt(d^2 + 1) - 1 [m].
    """
    squared = (path[..., :2] - truth[..., :2]).square().sum(-1)
    # y / sqrt(y) for sqrt(y): MKL makes torch.sqrt, and its last bit is the processor's.
    return ((squared + 1) * (squared + 1).rsqrt() - 1).mean(-1)


def physical_plan(actions: Tensor, state: Tensor, config: FieldAgentConfig) -> Plan:
    """The plan of actions (B, C, 2) and a state (B, 2 or more), both in network units.

    Where C is less than 64 the vehicle goes on at its speed on the last curvature.
    """
    action = to_physical_units(actions, config.scales).double().cpu().numpy()
    action = np.pad(action, ((0, 0), (0, HORIZON - action.shape[1]), (0, 0)), mode="edge")
    action[:, config.chunk_size :, 0] = 0.0
    speed = speed_of(state, config.scales).double().cpu().numpy()
    return Plan(action, unicycle.rollout(speed, action, config.dt, config.integrator))


class FieldAgentPolicy(SmolVLAPolicy):  # type: ignore[misc]  # lerobot is untyped
    """SmolVLA with a path loss, physical plans and checkpoints that may be moved."""

    config_class = FieldAgentConfig
    name = "field_agent"
    config: FieldAgentConfig

    @property
    def tokenizer(self) -> PreTrainedTokenizerFast:
        """Tokenizer of the backbone."""
        return self.model.vlm_with_expert.processor.tokenizer

    def prepare_action(self, batch: dict[str, Tensor]) -> Tensor:
        """(B, chunk_size, max_action_dim), of the stored actions those that are planned."""
        return cast(Tensor, super().prepare_action(batch)[:, : self.config.chunk_size])

    def forward(
        self,
        batch: dict[str, Tensor],
        noise: Tensor | None = None,
        time: Tensor | None = None,
        reduction: str = "mean",
    ) -> tuple[Tensor, dict[str, float]]:
        """Training loss of a preprocessed batch.

        Args:
            batch: image (B, 3, S, S) in 0..1, state (B, 2), tokens and mask (B, L), action
                (B, 64, 2).
            noise: (B, chunk_size, max_action_dim), drawn if None.
            time: (B,) in 0..1, drawn if None.
            reduction: `mean`, or `none` for (B,) losses.

        Returns:
            The loss, and its terms as numbers.
        """
        config, action = self.config, self.prepare_action(batch)
        if noise is None:
            noise = self.model.sample_noise(action.shape, action.device)
        if time is None:
            time = self.model.sample_time(action.shape[0], action.device)
        with velocities(self.model) as seen:
            loss = self._flow_loss(batch, noise, time, reduction)
        terms = {"loss_flow": loss.mean().item()}
        plan = estimate(action, noise, time, seen[-1])[..., :ACTION_DIM]

        def add(name: str, weight: float, per_sample: Tensor) -> Tensor:
            term = (1 - time) * per_sample
            terms[name] = term.mean().item()
            return loss + weight * (term if reduction == "none" else term.mean())

        if config.trajectory_loss > 0:
            loss = add("loss_trajectory", config.trajectory_loss, self._path_errors(batch, plan))
        if config.temporal_loss > 0:
            loss = add("loss_temporal", config.temporal_loss, roughness(plan))
        return loss, terms

    def _flow_loss(
        self, batch: dict[str, Tensor], noise: Tensor, time: Tensor, reduction: str
    ) -> Tensor:
        """SmolVLA's loss, or the same with the steps of the plan weighted."""
        decay = self.config.horizon_decay_s
        if decay == 0:
            return cast(Tensor, super().forward(batch, noise, time, reduction)[0])
        images, image_masks = self.prepare_images(batch)
        losses = self.model.forward(
            images,
            image_masks,
            batch[OBS_LANGUAGE_TOKENS],
            batch[OBS_LANGUAGE_ATTENTION_MASK],
            self.prepare_state(batch),
            self.prepare_action(batch),
            noise,
            time,
        )[..., :ACTION_DIM]
        step = torch.arange(losses.shape[1], device=losses.device, dtype=losses.dtype)
        weight = torch.exp(-step * self.config.dt / decay)
        per_sample: Tensor = (losses * (weight / weight.mean())[:, None]).mean(dim=(1, 2))
        return per_sample if reduction == "none" else per_sample.mean()

    def _path_errors(self, batch: dict[str, Tensor], plan: Tensor) -> Tensor:
        config = self.config
        speed = speed_of(self.prepare_state(batch), config.scales)
        path, truth = (
            unicycle_torch.rollout(
                speed,
                to_physical_units(action, config.scales),
                config.dt,
                config.integrator,
            )
            for action in (plan, batch[ACTION][:, : config.chunk_size])
        )
        return path_error(path, truth)

    def _get_action_chunk(
        self, batch: dict[str, Tensor], noise: Tensor | None = None, **kwargs: Any
    ) -> Tensor:
        """(B, chunk_size, 2), network units; a flow from zero is deterministic and drives best."""
        if noise is None:
            state = self.prepare_state(batch)
            noise = state.new_zeros(len(state), self.config.chunk_size, self.config.max_action_dim)
        return cast(Tensor, super()._get_action_chunk(batch, noise, **kwargs))

    @torch.no_grad()
    def plan(self, batch: dict[str, Tensor], noise: Tensor | None = None) -> Plan:
        """Plan from a preprocessed batch.

        Args:
            batch: as in `forward`; an action in it is not looked at.
            noise: (B, chunk_size, max_action_dim) start of the flow, zero if None.
        """
        actions = self._get_action_chunk(batch, noise)
        return physical_plan(actions, self.prepare_state(batch), self.config)

    def _save_pretrained(
        self, save_directory: Path, state_dict: dict[str, Tensor] | None = None
    ) -> None:
        """Write weights, configuration and backbone, without a trace of this machine."""
        super()._save_pretrained(save_directory, state_dict)
        save_portable(self, save_directory, BACKBONE_FOLDER)

    @classmethod
    def from_pretrained(
        cls,
        pretrained_name_or_path: str | Path,
        *,
        config: FieldAgentConfig | None = None,
        **kwargs: Any,
    ) -> Self:
        """Load a checkpoint folder from wherever it lies, in evaluation mode.

        A folder without `backbone/` loads too, when `config.vlm_model_name` names its backbone.
        Every key must match; `avvla.policy.coverage` takes what matches of another policy.

        Raises:
            UserError: the folder is no Field Agent's checkpoint, is incomplete or is damaged.
        """
        folder = Path(pretrained_name_or_path)
        if config is None:
            config = read_config(folder)
        backbone = folder / BACKBONE_FOLDER
        if not backbone.is_dir() and config.vlm_model_name != BACKBONE_FOLDER:
            return cast(Self, super().from_pretrained(str(folder), config=config, **kwargs))
        check_backbone(backbone)
        config.vlm_model_name = str(backbone)
        try:
            return cast(Self, super().from_pretrained(str(folder), config=config, **kwargs))
        finally:
            config.vlm_model_name = BACKBONE_FOLDER

    @classmethod
    def _load_as_safetensor(
        cls, model: Self, model_file: str, map_location: str, strict: bool
    ) -> Self:
        """Load weights; a key without a partner is an error whatever `strict` says."""
        try:
            missing, unexpected = load_model(
                model, model_file, strict=False, device=resolve_safetensors_device(map_location)
            )
        except FileNotFoundError:
            raise UserError(
                f"{model_file} is missing: copy the checkpoint again or retrain"
            ) from None
        except SafetensorError as error:
            raise UserError(
                f"{model_file} is damaged ({error}): copy the checkpoint again or retrain"
            ) from None
        except RuntimeError as error:
            reason = " ".join(str(error).split())
            raise UserError(f"{model_file} does not fit its config.json: {reason}") from None
        if missing or unexpected:
            raise UserError(
                f"{model_file} does not fit its config.json: {len(missing)} keys missing"
                f"{_few(missing)}, {len(unexpected)} keys unknown{_few(unexpected)}"
            )
        return model


def _few(keys: list[str]) -> str:
    return f" ({', '.join(sorted(keys)[:3])}{', ...' if len(keys) > 3 else ''})" if keys else ""
