"""Checkpoints that hold their backbone, so that they load without the hub."""

from __future__ import annotations

from copy import copy
from pathlib import Path

from lerobot.policies.smolvla.modeling_smolvla import SmolVLAPolicy

from avvla.policy.backbone import save_backbone

BACKBONE_FOLDER = "backbone"
"""A checkpoint's folder of its backbone."""


def save_portable(policy: SmolVLAPolicy, folder: Path, backbone_name: str) -> None:
    """Write configuration and backbone of a policy, without a trace of this machine.

    Args:
        policy: whose weights are saved in `folder` already.
        folder: the checkpoint.
        backbone_name: `vlm_model_name` in its config.json.
    """
    portable = copy(policy.config)
    portable.vlm_model_name = backbone_name
    portable.load_vlm_weights = False  # they are in the checkpoint
    portable.device = "cpu"
    portable.pretrained_path = None
    portable._save_pretrained(folder)
    network = policy.model.vlm_with_expert
    save_backbone(folder / BACKBONE_FOLDER, network.config, network.processor)
