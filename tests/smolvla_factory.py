"""A tiny SmolVLA as LeRobot itself saves one: three cameras, a state of six, 50 steps, 32 wide."""

from __future__ import annotations

from pathlib import Path

import torch
from lerobot.configs import FeatureType, PolicyFeature
from lerobot.policies.smolvla.configuration_smolvla import SmolVLAConfig
from lerobot.policies.smolvla.modeling_smolvla import SmolVLAPolicy

from avvla.config import Backbone
from avvla.policy.backbone import build_backbone

IMAGE_SIZE = 64
CAMERAS = tuple(f"observation.images.camera{i}" for i in (1, 2, 3))
BACKBONE = Backbone(vision_width=32, vision_layers=1, text_width=64, text_layers=3)
BACKBONE_REPO = "made-up/tiny-vlm"


def smolvla(folder: Path, backbone: Path, named: str = BACKBONE_REPO) -> SmolVLAPolicy:
    """Save a SmolVLA in `folder`, its backbone in `backbone` alone, and name that as on the hub.

    Its network is used in other ways than SmolVLA's defaults, which shapes do not tell.
    """
    build_backbone(backbone, BACKBONE, IMAGE_SIZE)
    picture = PolicyFeature(FeatureType.VISUAL, (3, IMAGE_SIZE, IMAGE_SIZE))
    config = SmolVLAConfig(
        vlm_model_name=str(backbone),
        load_vlm_weights=False,
        device="cpu",
        input_features={
            **dict.fromkeys(CAMERAS, picture),
            "observation.state": PolicyFeature(FeatureType.STATE, (6,)),
        },
        output_features={"action": PolicyFeature(FeatureType.ACTION, (6,))},
        num_vlm_layers=2,
        self_attn_every_n_layers=1,
        expert_width_multiplier=0.5,
        min_period=0.01,
        max_period=2.0,
        resize_imgs_with_padding=(IMAGE_SIZE, IMAGE_SIZE),
        push_to_hub=False,
    )
    torch.manual_seed(5)
    policy = SmolVLAPolicy(config).eval()
    policy.config.vlm_model_name = named
    policy.save_pretrained(folder)
    return policy
