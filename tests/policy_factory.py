"""LeRobot policies with drawn weights, their batches, and observations of a Field Agent."""

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from lerobot.configs import FeatureType, PolicyFeature
from lerobot.policies.smolvla.configuration_smolvla import SmolVLAConfig
from lerobot.policies.smolvla.modeling_smolvla import SmolVLAPolicy

from avvla.config import Backbone
from avvla.policy.backbone import build_backbone
from avvla.policy.interface import Observation

SIDE = 64
LENGTH = 20
CAMERAS = ("observation.images.a", "observation.images.b", "observation.images.c")
TIGHT = {"rtol": 0, "atol": 1e-5}
"""Ten times tighter than what docs/performance.md promises."""


def lerobots(*, cameras=1, side=SIDE, shape=None, text_layers=2, vision_layers=1, **overrides):
    """LeRobot's SmolVLA with drawn weights, none of them 0 or 1 throughout."""
    backbone = Backbone(
        vision_width=64, vision_layers=vision_layers, text_width=64, text_layers=text_layers
    )
    values = {
        "load_vlm_weights": False,
        "num_vlm_layers": 0,
        "device": "cpu",
        "push_to_hub": False,
        "chunk_size": LENGTH,
        "n_action_steps": LENGTH,
        "max_state_dim": 8,
        "max_action_dim": 8,
        "resize_imgs_with_padding": (side, side),
        "input_features": {
            **dict.fromkeys(
                CAMERAS[:cameras], PolicyFeature(FeatureType.VISUAL, shape or (3, side, side))
            ),
            "observation.state": PolicyFeature(FeatureType.STATE, (5,)),
        },
        "output_features": {"action": PolicyFeature(FeatureType.ACTION, (3,))},
    }
    with TemporaryDirectory() as folder:
        build_backbone(Path(folder), backbone, side)
        torch.manual_seed(4)
        policy = SmolVLAPolicy(SmolVLAConfig(vlm_model_name=folder, **values | overrides))
    with torch.no_grad():
        for weight in policy.parameters():
            weight.add_(torch.randn_like(weight), alpha=0.05)
    return policy.eval()


def batch_of(policy, lengths=(3, 7, 5)):
    """Images, states and commands of different lengths, and noise."""
    draw = torch.Generator().manual_seed(9)
    size, config = len(lengths), policy.config
    images = {
        name: torch.rand(size, *config.image_features[name].shape, generator=draw)
        for name in CAMERAS
        if name in config.image_features
    }
    longest = max(lengths)
    batch = {
        **images,
        "observation.state": torch.randn(size, 5, generator=draw),
        "observation.language.tokens": torch.randint(0, 300, (size, longest), generator=draw),
        "observation.language.attention_mask": torch.arange(longest)
        < torch.tensor(lengths)[:, None],
    }
    return batch, torch.randn(size, config.chunk_size, config.max_action_dim, generator=draw)


def observation(seed: int, batch: int = 3, size: int = SIDE) -> Observation:
    draw = np.random.default_rng(seed)
    return Observation(
        image=draw.integers(0, 256, (batch, size, size, 3), np.uint8),
        speed_mps=np.linspace(3, 12, batch),
        heading_change_rad=np.linspace(-0.2, 0.2, batch),
        command=("Follow the lane", "Turn left", "Stop")[:batch],
    )
