"""Weights of a base put into a policy, and how far the one covers the other.

A key is matched when both have it in the same shape. Every other key is an error unless it is
named, because a policy that is half drawn anew trains without a complaint and drives badly.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

import torch
import torch.distributed as dist
from lerobot.policies.smolvla.modeling_smolvla import SmolVLAPolicy
from safetensors import SafetensorError, safe_open
from torch import Tensor
from tqdm import tqdm

from avvla.errors import UserError

STATISTICS = ("normalize_inputs.", "normalize_targets.", "unnormalize_outputs.")
"""Keys of checkpoints from before LeRobot had processors: never used, as statistics are ours."""
COMPILED = "._orig_mod"
"""What torch.compile puts into the names of a module."""
_NAMED = 4
"""Keys that a line names."""


@dataclass(frozen=True)
class Coverage:
    """Which keys of a policy came from a base, sorted; a key in another shape is in both lists."""

    filled: tuple[str, ...]
    missing: tuple[str, ...]
    """Of the policy, as drawn."""
    unused: tuple[str, ...]
    """Of the base."""
    statistics: tuple[str, ...]
    """Of the base's normalisation."""
    reshaped: dict[str, tuple[tuple[int, ...], tuple[int, ...]]]
    """The policy's shape and the base's, by key."""

    @property
    def unmatched(self) -> tuple[str, ...]:
        """All keys that are not shared."""
        return tuple(sorted({*self.missing, *self.unused}))

    def told(self) -> str:
        """One line."""
        ours, theirs = len(self.filled) + len(self.missing), len(self.filled) + len(self.unused)
        told = (
            f"{len(self.filled)} of the policy's {ours} tensors are from the base,"
            f" {len(self.unused)} of the base's {theirs} are not used"
        )
        if self.statistics:
            told += f", nor are its {len(self.statistics)} statistics"
        for name, keys in (
            ("other shapes", self.reshaped),
            ("not in the base", self._other(self.missing)),
            ("not in the policy", self._other(self.unused)),
        ):
            if keys:
                shown = [self._shapes(key) for key in list(keys)[:_NAMED]]
                more = f" and {len(keys) - _NAMED} more" if len(keys) > _NAMED else ""
                told += f"; {name}: {', '.join(shown)}{more}"
        return told

    def _other(self, keys: Sequence[str]) -> list[str]:
        return [key for key in keys if key not in self.reshaped]

    def _shapes(self, key: str) -> str:
        if key not in self.reshaped:
            return key
        ours, theirs = self.reshaped[key]
        return f"{key} {ours}, in the base {theirs}"


def fill(policy: SmolVLAPolicy, weights: Path, unmatched: Sequence[str]) -> Coverage:
    """Copy the weights that policy and base share, in the policy's type and on its device.

    Args:
        policy: as drawn; of no use after an error.
        weights: safetensors file of the base.
        unmatched: patterns of keys that need not be shared.

    Raises:
        UserError: a key is not shared and not named, a name is of no such key, or the file is
            damaged or holds NaN.
    """
    ours: dict[str, Tensor] = policy.state_dict(keep_vars=True)
    try:
        with safe_open(weights, "pt") as file:
            theirs = {key.replace(COMPILED, ""): key for key in sorted(file.keys())}
            shapes = {name: tuple(file.get_slice(key).get_shape()) for name, key in theirs.items()}
            coverage = compare(ours, shapes)
            _check(coverage, unmatched)
            with torch.no_grad():
                for name in coverage.filled:
                    if name in theirs:  # else it is another name of a tensor that is
                        ours[name].copy_(file.get_tensor(theirs[name]))
                        # A sum costs far less than a look at every element.
                        if not ours[name].sum().isfinite():
                            raise UserError(f"{weights}: {name} holds NaN or infinity")
    except SafetensorError as error:
        raise UserError(f"{weights} is damaged ({error}): import the base again") from None
    return coverage


def compare(ours: dict[str, Tensor], theirs: dict[str, tuple[int, ...]]) -> Coverage:
    """How far keys and shapes of a base cover a policy's state."""
    filled = {name for name, value in ours.items() if theirs.get(name) == tuple(value.shape)}
    # A file has a tensor with several names once.
    shared = {id(ours[name]) for name in filled}
    filled |= {name for name, value in ours.items() if id(value) in shared}
    statistics = {name for name in theirs if name.startswith(STATISTICS)}
    return Coverage(
        filled=tuple(sorted(filled)),
        missing=tuple(sorted(ours.keys() - filled)),
        unused=tuple(sorted(theirs.keys() - filled - statistics)),
        statistics=tuple(sorted(statistics)),
        reshaped={
            name: (tuple(ours[name].shape), theirs[name])
            for name in sorted(ours.keys() & theirs.keys() - filled)
        },
    )


def tell(coverage: Coverage, base: str) -> None:
    """Print what became of a warm start, once where several processes train."""
    if not (dist.is_initialized() and dist.get_rank() > 0):
        tqdm.write(f"warm start from {base[:12]}: {coverage.told()}")


def _check(coverage: Coverage, named: Sequence[str]) -> None:
    """Refuse keys that are not shared and not named, and names of no such key."""
    unmatched = coverage.unmatched
    unnamed = [key for key in unmatched if not _matches(key, named)]
    if unnamed:
        raise UserError(
            f"the base does not fit the policy: {coverage.told()}; change policy.max_dim or another"
            f" size, or name in policy.unmatched what may differ, {unnamed[0]} first"
        )
    idle = [pattern for pattern in named if not any(_matches(key, [pattern]) for key in unmatched)]
    if idle:
        raise UserError(
            f"policy.unmatched has {idle[0]!r}, which names no key that differs between policy and"
            f" base; {len(unmatched)} differ{': ' if unmatched else ''}"
            f"{', '.join(unmatched[:_NAMED])}: leave it out"
        )


def _matches(key: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(key, pattern) for pattern in patterns)
