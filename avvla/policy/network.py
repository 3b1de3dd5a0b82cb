"""The network of a policy that is to be trained: drawn anew, or a base's.

Every weight is drawn from the seed first, so a tensor that no base fills is the same in every run.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from huggingface_hub import constants
from lerobot.policies.smolvla.configuration_smolvla import SmolVLAConfig
from lerobot.policies.smolvla.modeling_smolvla import SmolVLAPolicy
from transformers import AutoConfig

from avvla.config import Params
from avvla.errors import UserError
from avvla.policy.backbone import TINY, build_backbone
from avvla.policy.base import Base
from avvla.policy.coverage import fill, tell
from avvla.policy.lora import apply_lora

HUB_LAYERS = 16
"""Layers of a hub backbone's language model that SmolVLA uses (arXiv 2506.01844, section 3.1)."""


@contextmanager
def network_settings(params: Params, base: Base | None) -> Iterator[dict[str, Any]]:
    """What every policy tells SmolVLA's configuration about its network.

    A backbone that is built lies in a folder of its own until the block ends, so the policy is
    made within.

    Raises:
        UserError: the sizes do not fit each other, or the backbone is not on this machine.
    """
    policy = params.policy
    shared = {
        "max_state_dim": policy.max_dim,
        "max_action_dim": policy.max_dim,
        "num_steps": policy.flow_steps,
        "freeze_vision_encoder": policy.freeze_vision,
        "train_expert_only": policy.train_expert_only,
        "train_state_proj": policy.train_state_proj,
    }
    if base is not None:
        _check_image_size(str(base.backbone), params.build.image_size)
        yield {
            **shared,
            "vlm_model_name": str(base.backbone),
            "load_vlm_weights": False,
            **base.network.model_dump(),
        }
    elif policy.backbone.name == TINY:
        with TemporaryDirectory() as folder:
            build_backbone(Path(folder), policy.backbone, params.build.image_size)
            yield {
                **shared,
                "vlm_model_name": folder,
                "load_vlm_weights": False,
                "num_vlm_layers": 0,  # every layer
            }
    else:
        name = policy.backbone.name
        try:
            _check_image_size(name, params.build.image_size)
            yield {
                **shared,
                "vlm_model_name": name,
                "load_vlm_weights": True,
                "num_vlm_layers": HUB_LAYERS,
            }
        except OSError as error:
            raise UserError(
                f"policy.backbone.name is {name!r}, which is no whole backbone on this machine"
                f" ({_first_line(error)}): fetch it with `hf download {name}` into the hub's cache"
                f" {constants.HF_HUB_CACHE}, or give its folder"
            ) from None


def make_policy[Kind: SmolVLAPolicy](
    kind: type[Kind], config: SmolVLAConfig, params: Params, base: Base | None
) -> Kind:
    """A policy with the weights that its training begins with, on the CPU.

    Raises:
        UserError: the base does not fit the configuration, or `policy.lora` the network.
    """
    torch.manual_seed(params.train.seed)
    policy: Kind = kind(config)
    if base is not None:
        tell(fill(policy, base.weights, params.policy.unmatched), base.folder.name)
    if params.policy.lora.rank:
        apply_lora(policy, params.policy.lora, params.train.seed)
    return policy


def _check_image_size(backbone: str, image_size: int) -> None:
    config = AutoConfig.from_pretrained(backbone)
    stride = config.vision_config.patch_size * config.scale_factor
    if image_size % stride:
        raise UserError(
            f"build.image_size is {image_size} px, expected a multiple of {stride} px for the"
            f" backbone {backbone}"
        )


def _first_line(error: OSError) -> str:
    return str(error).strip().partition("\n")[0]
