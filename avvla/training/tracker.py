"""Weights & Biases beside DVC's plots, for those who ask for it (`train.wandb`).

What is sent has the keys of the guide that users of the robot workload know. Nothing of it comes
back, so it changes no result. The key of the service stays where wandb looks for it, in
WANDB_API_KEY or its own file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from avvla.config import WandbMode
from avvla.errors import UserError
from avvla.training.console import ram_gb, vram_gb
from avvla.training.spikes import COLUMNS, Spike, row

PROJECT = "avvla"
KEYS = {
    "loss": "train/loss",
    "loss_flow": "train/action_loss",
    "loss_trajectory": "train/trajectory_loss",
    "loss_temporal": "train/temporal_loss",
    "learning_rate": "train/learning_rate",
    "gradient_norm": "train/grad_norm",
    "validation_loss": "val/loss",
    "validation_loss_flow": "val/action_loss",
}
"""Curve -> key; further figures of the validation go under val/."""


class Tracker:
    """A run of Weights & Biases, or none.

    Args:
        mode: `off`, `offline` or `online`.
        folder: where wandb writes, of this training.
        settings: parameters to show with the run.
    """

    def __init__(self, mode: WandbMode, folder: Path, settings: Mapping[str, Any]) -> None:
        self._mode, self._folder, self._settings = mode, folder, settings
        self._run: Any = None

    def __enter__(self) -> Self:
        """Begin the run; one of the same training is gone on with.

        Raises:
            UserError: wandb cannot begin it.
        """
        if self._mode == "off":
            return self
        import wandb

        try:
            self._run = wandb.init(
                project=PROJECT,
                dir=self._folder,
                id=self._folder.name,
                resume="allow",
                mode=self._mode,
                config=dict(self._settings),
            )
        except wandb.Error as error:
            reason = " ".join(str(error).split())
            raise UserError(
                f"Weights & Biases cannot begin ({reason}): log in with `wandb login`, or set"
                " train.wandb to offline or off"
            ) from None
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the run, as failed if there was an error."""
        if self._run is not None:
            self._run.finish(exit_code=0 if kind is None else 1)

    def log(self, row: Mapping[str, float]) -> None:
        """A row of the curves, or figures of the validation."""
        if self._run is None:
            return
        values = {_key(name): value for name, value in row.items() if name != "step"}
        memory = {"system/vram_allocated_gb": vram_gb(), "system/ram_gb": ram_gb()}
        self._run.log({**values, **memory}, step=int(row["step"]))

    def spike(self, spike: Spike) -> None:
        """A spike when it happens."""
        if self._run is not None:
            values = {
                "spike/loss": spike.terms["loss"],
                "spike/moving_avg": spike.moving_average,
                "spike/ratio": spike.ratio,
                "spike/step": spike.step,
            }
            self._run.log(values, step=spike.step)

    def summary(self, spikes: Sequence[Spike]) -> None:
        """All spikes as a table."""
        if self._run is not None:
            import wandb

            table = wandb.Table(columns=list(COLUMNS), data=[row(spike) for spike in spikes])
            self._run.log({"spike/all": table})


def _key(name: str) -> str:
    return KEYS.get(name, f"val/{name.removeprefix('validation_')}")
