"""The trained Field Agent as a driver: raw observations in, physical plans out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lerobot.utils.constants import OBS_STATE
from numpy.typing import NDArray
from torch import Tensor

from avvla.errors import UserError
from avvla.features import IMAGE
from avvla.physical_ai.camera import Crop
from avvla.policy.checkpoint import load_checkpoint
from avvla.policy.chunking import weights
from avvla.policy.inference import InferenceEngine
from avvla.policy.interface import BLIND_GREY, Observation, Plan
from avvla.policy.modeling_field_agent import physical_plan
from avvla.policy.processor_field_agent import to_network_units


class FieldAgent:
    """A checkpoint that plans.

    Args:
        checkpoint: folder written by `save_checkpoint`.
        device: torch device.
        blind: see only mid-grey, whatever the camera shows.
        flow_steps: Euler steps of the flow; None: as many as the checkpoint says.
        dtype: of the network's weights; see `InferenceEngine`.
        compiled: see `InferenceEngine`.

    Raises:
        UserError: see `load_checkpoint`.
    """

    def __init__(
        self,
        checkpoint: Path,
        device: str,
        *,
        blind: bool = False,
        flow_steps: int | None = None,
        dtype: torch.dtype = torch.float32,
        compiled: bool = False,
    ) -> None:
        self._checkpoint = checkpoint
        policy, self._preprocess, _ = load_checkpoint(checkpoint, device)
        self._config = policy.config
        self._engine = InferenceEngine(policy, dtype=dtype, compiled=compiled)
        self._blind = blind
        self._flow_steps = self._config.num_steps if flow_steps is None else flow_steps
        self.image_size = self._config.image_size
        """Side of the square image that the network expects [px]."""

    @property
    def crop(self) -> Crop:
        """What the square image keeps of the front wide camera.

        Raises:
            UserError: the checkpoint does not say.
        """
        crop: Crop | None = self._config.crop
        if crop is None:
            raise UserError(
                f"{self._checkpoint / 'config.json'} has no crop, expected what the training images"
                " kept of the camera: it is of an older version or of LeRobot's own trainer; train"
                " again with `dvc repro train`"
            )
        return crop

    def plan(self, observation: Observation) -> Plan:
        """Plans for a batch of observations; the same observation gives the same plan.

        Raises:
            UserError: the image's size is not the checkpoint's.
        """
        return self._physical(observation, lambda batch, noise: self._actions(batch, noise))

    def continued(
        self, observation: Observation, left: NDArray[np.float64], delay: int, horizon: int
    ) -> Plan:
        """Plans that begin as those before them go on; see `avvla.policy.chunking`.

        Args:
            observation: as in `plan`.
            left: (B, K, 2) their actions from the observation's time on, K of 1 or more.
            delay: steps that are driven before this plan is there; they are kept.
            horizon: steps after which nothing of the plans before binds.

        Raises:
            UserError: the image's size is not the checkpoint's.
        """
        config = self._config
        known = min(left.shape[1], config.chunk_size)
        before = to_network_units(torch.from_numpy(left[:, :known]).float(), config.scales)
        padded = torch.nn.functional.pad(before, (0, 0, 0, config.chunk_size - known))
        weight = weights(min(delay, known), min(horizon, known), config.chunk_size)

        def flow(batch: dict[str, Any], noise: Tensor) -> Tensor:
            bound = padded.to(noise), weight.to(noise)
            return self._engine.continued(batch, noise, self._flow_steps, *bound)

        return self._physical(observation, flow)

    def sample(self, observation: Observation, seed: int) -> Plan:
        """Plans drawn from what the agent holds for likely, from noise of this seed.

        Raises:
            UserError: the image's size is not the checkpoint's.
        """
        draw = torch.Generator().manual_seed(seed)

        def flow(batch: dict[str, Any], noise: Tensor) -> Tensor:
            return self._actions(batch, torch.randn(noise.shape, generator=draw).to(noise))

        return self._physical(observation, flow)

    def _actions(self, batch: dict[str, Any], noise: Tensor) -> Tensor:
        return self._engine.actions(batch, noise, self._flow_steps)

    def _physical(
        self, observation: Observation, flow: Callable[[dict[str, Any], Tensor], Tensor]
    ) -> Plan:
        """The plan of a flow, which is given the batch and zeros to begin with."""
        size = observation.image.shape[1]
        if size != self.image_size:
            raise UserError(
                f"the image is {size} px wide, expected {self.image_size} px, the size that the "
                "checkpoint was trained on (build.image_size)"
            )
        image = np.full_like(observation.image, BLIND_GREY) if self._blind else observation.image
        state = np.stack([observation.speed_mps, observation.heading_change_rad], -1)
        batch = self._preprocess(
            {
                IMAGE: torch.from_numpy(image).permute(0, 3, 1, 2).float() / 255,
                OBS_STATE: torch.from_numpy(state).float(),
                "task": list(observation.command),
            }
        )
        seen, config = batch[OBS_STATE], self._config
        shape = (len(seen), config.chunk_size, config.max_action_dim)
        # A flow from zero is deterministic and drives best.
        actions = flow(batch, seen.new_zeros(shape))
        return physical_plan(actions, seen, config)
