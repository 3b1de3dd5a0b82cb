"""Optimiser and schedule of a base, which fine-tuning may go on with (`train.reset_scheduler`)."""

from __future__ import annotations

import json
from pathlib import Path

from lerobot.optim import load_optimizer_state
from lerobot.utils.constants import SCHEDULER_STATE
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from avvla.config import PolicyParams, Train
from avvla.errors import UserError
from avvla.policy.base import base_of


def past_of(policy: PolicyParams) -> Path:
    """The state of the optimiser and schedule of the base that the parameters start from.

    Raises:
        UserError: there is no base, or it came without.
    """
    base = base_of(policy)
    if base is None:
        raise UserError(
            "train.reset_scheduler is false, but policy.warm_start is not set: there is nothing to"
            " go on with"
        )
    return base.past


def go_on_from(past: Path, optimiser: Optimizer, schedule: LambdaLR, settings: Train) -> None:
    """Have optimiser and schedule go on where those of a base ended, at the new peak rate.

    Args:
        past: the base's `training_state`.
        optimiser: of the same weights.
        schedule: its learning rate; beyond its last step it stays at its end.
        settings: the parameters `train`.

    Raises:
        UserError: they are damaged or of other weights.
    """
    try:
        load_optimizer_state(optimiser, past)
        schedule.last_epoch = int(json.loads((past / SCHEDULER_STATE).read_text())["last_epoch"])
        for weight, moments in optimiser.state.items():
            if moments["exp_avg"].shape != weight.shape:
                raise ValueError("its weights have other shapes")
    except Exception as error:  # whatever a damaged file makes the libraries raise
        reason = " ".join(str(error).split())
        raise UserError(
            f"{past} cannot be gone on from ({type(error).__name__}: {reason}): it is of another"
            " network, or damaged; set train.reset_scheduler=true"
        ) from None
    rate = settings.lr * schedule.lr_lambdas[0](schedule.last_epoch)
    for group in optimiser.param_groups:
        group |= {"lr": rate, "initial_lr": settings.lr}
