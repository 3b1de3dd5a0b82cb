"""AdamW whose steps are the same on every processor, and whose state LeRobot's tools read."""

from __future__ import annotations

from typing import Any

from torch.optim import AdamW, Optimizer

from avvla.config import Train

BETAS = (0.9, 0.95)
"""Of SmolVLA's preset."""


def adamw(parameters: Any, settings: Train) -> AdamW:
    """AdamW in its fused form, which takes IEEE's square root.

    The other forms take MKL's, which starts from the processor's own estimate: every sixth root is
    off by one in the last place, on AMD's processors other ones than on Intel's.

    Args:
        parameters: as torch takes them.
        settings: the parameters `train`.
    """
    optimiser = AdamW(
        parameters, settings.lr, BETAS, weight_decay=settings.weight_decay, fused=True
    )
    optimiser.register_state_dict_post_hook(_as_lerobot_saves_it)
    optimiser.register_load_state_dict_pre_hook(_fused)
    return optimiser


def _as_lerobot_saves_it(_: Optimizer, state: dict[str, Any]) -> None:
    """Its reader wants every option of the groups to be of the type that its own optimiser has."""
    for group in state["param_groups"]:
        group["fused"] = None


def _fused(_: Optimizer, state: dict[str, Any]) -> dict[str, Any]:
    return {**state, "param_groups": [{**group, "fused": True} for group in state["param_groups"]]}
