"""Fast inference: the actions of LeRobot's SmolVLA in less time.

An engine is made from a policy once and has its own copy of the weights. For each batch it encodes
images, command and state into a prefix (`avvla.policy.fused_prefix`) and lets the flow go from
noise to actions over it (`avvla.policy.fused_flow`). In float32 the actions are LeRobot's within
rounding.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from lerobot.policies.common.vla_utils import pad_vector, resize_with_pad
from lerobot.policies.smolvla.modeling_smolvla import SmolVLAPolicy
from lerobot.utils.constants import (
    OBS_LANGUAGE_ATTENTION_MASK,
    OBS_LANGUAGE_TOKENS,
    OBS_STATE,
)
from torch import Tensor, nn

from avvla.errors import UserError
from avvla.policy.chunking import guided
from avvla.policy.fused_flow import Flow, Prefix
from avvla.policy.fused_layers import Heads
from avvla.policy.fused_prefix import Encoder, Inputs, sides


class InferenceEngine(nn.Module):
    """The actions of a SmolVLA.

    Args:
        policy: what to plan with; a later change of its weights is not seen.
        dtype: of the transformers' weights; bfloat16 changes the third digit of an action.
        compiled: hold all work of a plan in one compiled graph, on a GPU a CUDA graph. Commands
            are padded to the policy's longest, so that shapes stay. Each batch size and number of
            steps is compiled at its first use.

    Raises:
        UserError: the policy converts Aloha's joints, which LeRobot alone does, or has adapters.
    """

    def __init__(
        self,
        policy: SmolVLAPolicy,
        *,
        dtype: torch.dtype = torch.float32,
        compiled: bool = False,
    ) -> None:
        super().__init__()
        config, model = policy.config, policy.model
        if config.adapt_to_pi_aloha:
            raise UserError(
                "the policy has adapt_to_pi_aloha set, expected one without: use LeRobot's"
                " predict_action_chunk"
            )
        text = model.vlm_with_expert.config.text_config
        heads = Heads(text.num_attention_heads, text.num_key_value_heads, text.head_dim)
        self.config = config
        self.flow = Flow(model, heads, dtype)
        self.encoder = Encoder(model, heads, self.flow.sources, dtype)
        self._longest = config.tokenizer_max_length if compiled else 0
        self._sides = sides(config)
        self._biases: dict[int, Tensor] = {}
        self._run = self.sample
        if compiled:
            mode = "reduce-overhead" if self.encoder.words.is_cuda else "default"
            self._run = torch.compile(self.sample, fullgraph=True, dynamic=False, mode=mode)
        self.requires_grad_(False)

    @torch.inference_mode()
    def actions(self, batch: Mapping[str, Any], noise: Tensor, steps: int) -> Tensor:
        """LeRobot's `predict_action_chunk`.

        Args:
            batch: preprocessed: images (B, 3, H, W) in 0..1, state (B, D), tokens and mask (B, L).
            noise: (B, T, max_action_dim) start of the flow, float32.
            steps: Euler steps of the flow.

        Returns:
            (B, T, action width) in network units.

        Raises:
            UserError: no camera of the policy is in the batch, or an image has another size.
            ValueError: the noise has another shape, or there are no steps.
        """
        expected = (len(batch[OBS_STATE]), self.flow.length, self.config.max_action_dim)
        if noise.shape != expected:
            raise ValueError(f"noise has shape {tuple(noise.shape)}, expected {expected}")
        actions = self._run(self.inputs(batch), noise, self.biases(steps))
        # A copy: the next replay of a CUDA graph writes over its output.
        return actions[..., : self.config.action_feature.shape[0]].clone()

    @torch.inference_mode()
    def continued(
        self, batch: Mapping[str, Any], noise: Tensor, steps: int, left: Tensor, weight: Tensor
    ) -> Tensor:
        """Actions that go on as the plan before does; never compiled.

        Args:
            batch: as in `actions`.
            noise: as in `actions`.
            steps: as in `actions`.
            left: (B, T, action width) what is left of that plan, in network units.
            weight: (T,) how much each of its steps binds, of `avvla.policy.chunking.weights`.

        Returns:
            As `actions`.

        Raises:
            UserError: see `actions`.
        """
        known = pad_vector(left, self.config.max_action_dim)
        prefix = self.encode(self.inputs(batch))
        actions = guided(self.flow, noise, self.biases(steps), prefix, known, weight)
        return actions[..., : left.shape[-1]]

    def sample(self, inputs: Inputs, noise: Tensor, biases: Tensor) -> Tensor:
        """(B, T, max_action_dim) of `inputs`, by one Euler step for each of `biases`."""
        actions: Tensor = self.flow(noise, biases, self.encode(inputs))
        return actions

    def encode(self, inputs: Inputs) -> Prefix:
        """What all flows share that start from the same images, command and state."""
        return self.flow.prefix(*self.encoder(inputs))

    @torch.inference_mode(mode=False)  # they are kept, and a guided flow takes gradients
    def biases(self, steps: int) -> Tensor:
        """(steps, width) how the expert is told the times of a flow from 1 to 0."""
        if steps not in self._biases:
            if steps < 1:
                raise ValueError(f"steps is {steps}, expected 1 or more")
            times = [1.0 - step / steps for step in range(steps)]
            device = self.encoder.words.device
            self._biases[steps] = self.flow.biases(torch.tensor(times, device=device))
        return self._biases[steps]

    def inputs(self, batch: Mapping[str, Any]) -> Inputs:
        """A preprocessed batch in the network's form.

        Raises:
            UserError: see `actions`.
        """
        known = self.config.image_features
        cameras = [name for name in known if name in batch]
        if not cameras:
            raise UserError(f"the batch has none of the policy's cameras, expected {sorted(known)}")
        absent = min(len(known) - len(cameras), self.config.empty_cameras)
        images = tuple(self._image(batch[name], name) for name in cameras)
        state = batch[OBS_STATE]
        state = pad_vector(state[:, -1] if state.ndim > 2 else state, self.config.max_state_dim)
        everywhere = torch.ones(len(state), dtype=torch.bool, device=state.device)
        shown = tuple(
            batch[f"{name}_padding_mask"].bool() if f"{name}_padding_mask" in batch else everywhere
            for name in cameras
        )
        tokens, told = batch[OBS_LANGUAGE_TOKENS], batch[OBS_LANGUAGE_ATTENTION_MASK].bool()
        missing = max(0, self._longest - tokens.shape[1])
        if missing:
            tokens, told = F.pad(tokens, (0, missing)), F.pad(told, (0, missing))
        return Inputs(images, shown, absent, tokens, told, state)

    def _image(self, image: Tensor, name: str) -> Tensor:
        image = image[:, -1] if image.ndim == 5 else image
        resize = self.config.resize_imgs_with_padding
        if resize is not None:
            image = resize_with_pad(image, resize[1], resize[0], pad_value=0)
        height, width = image.shape[2:]
        if height != width or width not in self._sides:
            raise UserError(
                f"{name} is {width} x {height} px, expected a square of {sorted(self._sides)} px"
            )
        return image
