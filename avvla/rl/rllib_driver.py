"""A driver of RLlib's own: the module of a checkpoint, loaded by RLlib.

A checkpoint holds pickles, which run code when they are read: load only what you trained.
"""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from ray.rllib.core.columns import Columns
from ray.rllib.core.rl_module.rl_module import RLModule

from avvla.errors import UserError
from avvla.rl.run_folder import Checkpoint

PLACE = "learner_group/learner/rl_module/default_policy"


class ModuleDriver:
    """Acts with `forward_inference` of the checkpoint's module.

    Raises:
        UserError: the checkpoint is damaged.
    """

    def __init__(self, checkpoint: Checkpoint) -> None:
        logging.getLogger("ray.rllib").setLevel(logging.ERROR)
        try:
            self._module = RLModule.from_checkpoint(str((checkpoint.algorithm / PLACE).resolve()))
        except Exception as error:  # whatever a damaged file makes the libraries raise
            reason = " ".join(str(error).split())
            raise UserError(
                f"{checkpoint.folder} cannot be loaded ({type(error).__name__}: {reason}): delete"
                " it to use the one before"
            ) from None

    def act(self, observations: NDArray[Any]) -> NDArray[Any]:
        """The best action for each observation."""
        with torch.inference_mode():
            batch = {Columns.OBS: torch.from_numpy(np.ascontiguousarray(observations))}
            found = self._module.forward_inference(batch)
        if Columns.ACTIONS in found:
            return np.asarray(found[Columns.ACTIONS].numpy())
        mean, _ = found[Columns.ACTION_DIST_INPUTS].chunk(2, dim=-1)
        return np.asarray(mean.clamp(-1.0, 1.0).numpy())
