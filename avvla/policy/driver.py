"""The trained Field Agent as a driver: raw observations in, physical plans out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from lerobot.utils.constants import OBS_STATE

from avvla.errors import UserError
from avvla.features import IMAGE
from avvla.policy.checkpoint import load_checkpoint
from avvla.policy.inference import InferenceEngine
from avvla.policy.interface import BLIND_GREY, Observation, Plan
from avvla.policy.modeling_field_agent import physical_plan


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
        policy, self._preprocess, _ = load_checkpoint(checkpoint, device)
        self._config = policy.config
        self._engine = InferenceEngine(policy, dtype=dtype, compiled=compiled)
        self._blind = blind
        self._flow_steps = self._config.num_steps if flow_steps is None else flow_steps
        self.image_size = self._config.image_size
        """Side of the square image that the network expects [px]."""

    def plan(self, observation: Observation) -> Plan:
        """Plans for a batch of observations; the same observation gives the same plan.

        Raises:
            UserError: the image's size is not the checkpoint's.
        """
        # A flow from zero is deterministic and drives best.
        return self._flow(observation, None)

    def sample(self, observation: Observation, seed: int) -> Plan:
        """Plans drawn from what the agent holds for likely, from noise of this seed.

        Raises:
            UserError: the image's size is not the checkpoint's.
        """
        return self._flow(observation, torch.Generator().manual_seed(seed))

    def _flow(self, observation: Observation, draw: torch.Generator | None) -> Plan:
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
        noise = torch.zeros(shape) if draw is None else torch.randn(shape, generator=draw)
        noise = noise.to(seen)
        return physical_plan(self._engine.actions(batch, noise, self._flow_steps), seen, config)
