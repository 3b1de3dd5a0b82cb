"""Low-rank adapters (LoRA, Hu et al. 2021, arXiv 2106.09685) on a policy, and off it again.

An adapter of rank r beside a weight W (out, in) has A (r, in) and B (out, r), and the module gives
(W + alpha / r B A) x; B begins at zero, so training begins at the base. W is frozen. The layers are
peft's, put into the policy in place, so it stays the class that it was. What is saved is W + alpha
/ r B A under the name of W: a checkpoint like any other, which no reader has to know about.

Training goes on from `trained`, not from a checkpoint: W and B A cannot be had back from their sum.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase

import torch
from lerobot.policies.smolvla.modeling_smolvla import SmolVLAPolicy
from peft import LoraConfig, inject_adapter_in_model
from peft.tuners.lora import Linear as AdaptedLinear
from torch import Tensor, nn

from avvla.config import Lora
from avvla.errors import UserError

_INSIDE = "base_layer."
"""peft's name of the module that an adapter stands beside."""


def apply_lora(policy: SmolVLAPolicy, settings: Lora, seed: int) -> None:
    """Freeze a policy, and train adapters in it and modules as a whole, in place.

    Args:
        policy: with the weights of its base, on the CPU.
        settings: the parameters `policy.lora`, of rank 1 or more.
        seed: of the adapters' A; no other random state is touched.

    Raises:
        UserError: a pattern names no module, or none that can have an adapter.
    """
    modules = {name: module for name, module in policy.named_modules() if name}
    whole = _named(settings.whole, modules, "policy.lora.whole")
    inside = tuple(f"{name}." for name in whole)
    linear = {name for name, module in modules.items() if isinstance(module, nn.Linear)}
    targets = [
        name
        for name in _named(settings.targets, linear, "policy.lora.targets")
        if name not in whole and not name.startswith(inside)
    ]
    if not targets:
        raise UserError(
            "policy.lora.targets leaves no module for an adapter, as policy.lora.whole has them"
            " all: set policy.lora.rank=0"
        )
    config = LoraConfig(r=settings.rank, lora_alpha=settings.alpha, target_modules=targets)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        inject_adapter_in_model(config, policy)  # freezes all else
    for name in whole:
        modules[name].requires_grad_(True)


def merged(policy: SmolVLAPolicy) -> dict[str, Tensor]:
    """State of a policy with its adapters in the weights, under the names of one without.

    The policy stays as it is: to take an adapter out of a weight again would cost bits.
    """
    state: dict[str, Tensor] = policy.state_dict()
    for name, layer in policy.named_modules():
        if not isinstance(layer, AdaptedLinear):
            continue
        within = {key: state.pop(key) for key in list(state) if key.startswith(f"{name}.")}
        for key, value in within.items():
            place = key.removeprefix(f"{name}.")
            if place.startswith(_INSIDE):
                state[f"{name}.{place.removeprefix(_INSIDE)}"] = value
        change = sum(layer.get_delta_weight(adapter) for adapter in layer.active_adapters)
        state[f"{name}.weight"] = state[f"{name}.weight"] + change
    return state


def has_adapters(policy: SmolVLAPolicy) -> bool:
    """Whether a policy has adapters."""
    return any(isinstance(module, AdaptedLinear) for module in policy.modules())


def trained(policy: SmolVLAPolicy) -> dict[str, Tensor]:
    """The tensors that training changes, adapters apart from their weights, by name.

    With the base they are the policy: `policy.load_state_dict(trained, strict=False)` goes on.
    """
    return {
        name: weight.detach() for name, weight in policy.named_parameters() if weight.requires_grad
    }


def _named(patterns: Sequence[str], names: Iterable[str], parameter: str) -> list[str]:
    """The names that a pattern matches, sorted; every pattern has to match one."""
    found: set[str] = set()
    known = sorted(names)
    for pattern in patterns:
        matching = [name for name in known if fnmatchcase(name, pattern)]
        if not matching:
            raise UserError(
                f"{parameter} has {pattern!r}, which names none of {len(known)} modules, {known[0]}"
                f" to {known[-1]}"
            )
        found.update(matching)
    return sorted(found)
