"""The architecture of the 450M SmolVLA with drawn weights, made without a download.

Sizes are those of SmolVLM2-500M-Video-Instruct (its config.json): vision of 12 layers 768 wide on
512 px in patches of 16, language of 32 layers 960 wide, of which SmolVLA keeps 16.
"""

from pathlib import Path

import torch
from lerobot.configs import FeatureType, PolicyFeature
from lerobot.policies.smolvla.configuration_smolvla import SmolVLAConfig
from lerobot.policies.smolvla.modeling_smolvla import SmolVLAPolicy
from transformers import AutoProcessor, SmolVLMConfig

from avvla.config import Backbone
from avvla.policy.backbone import build_backbone, save_backbone
from avvla.policy.network import HUB_LAYERS

SIDE = 512
PARAMETERS = 450_046_176


def full_smolvla(folder: Path) -> SmolVLAPolicy:
    """A policy of 64 steps on one camera; its backbone is written to `folder`."""
    build_backbone(folder, Backbone(), SIDE)
    tokenizer_of_tiny = AutoProcessor.from_pretrained(folder)
    config = SmolVLMConfig(
        scale_factor=4,
        vision_config={
            "hidden_size": 768,
            "intermediate_size": 3072,
            "num_hidden_layers": 12,
            "num_attention_heads": 12,
            "image_size": SIDE,
            "patch_size": 16,
        },
        text_config={
            "model_type": "llama",
            "hidden_size": 960,
            "intermediate_size": 2560,
            "num_hidden_layers": 32,
            "num_attention_heads": 15,
            "num_key_value_heads": 5,
            "head_dim": 64,
            "vocab_size": 49280,
            "max_position_embeddings": 8192,
        },
        architectures=["SmolVLMForConditionalGeneration"],
    )
    save_backbone(folder, config, tokenizer_of_tiny)
    torch.manual_seed(0)
    policy = SmolVLAPolicy(
        SmolVLAConfig(
            vlm_model_name=str(folder),
            load_vlm_weights=False,
            num_vlm_layers=HUB_LAYERS,
            device="cpu",
            push_to_hub=False,
            chunk_size=64,
            n_action_steps=10,
            input_features={
                "observation.images.front_wide": PolicyFeature(FeatureType.VISUAL, (3, SIDE, SIDE)),
                "observation.state": PolicyFeature(FeatureType.STATE, (2,)),
            },
            output_features={"action": PolicyFeature(FeatureType.ACTION, (2,))},
        )
    )
    count = sum(weight.numel() for weight in policy.parameters())
    if count != PARAMETERS:
        raise SystemExit(f"the network has {count} parameters, expected {PARAMETERS}")
    return policy.eval()
