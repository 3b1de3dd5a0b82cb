"""The training loop: LeRobot's policy, processors and presets, accelerate's processes.

Order, optimiser, schedule and noise are those of `lerobot-train`: with the same seed and data, one
process and float32, the losses of an epoch are equal. What differs: a batch is shared by all
processes and parts, so that their number changes rounding only, and a run that was killed goes on
as if it had not been (`avvla.training.state`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from lerobot.optim.schedulers import CosineDecayWithWarmupSchedulerConfig
from lerobot.utils.constants import ACTION
from numpy.typing import NDArray
from torch import Generator, Tensor, nn
from tqdm import tqdm

from avvla.config import Train
from avvla.errors import UserError
from avvla.policy.checkpoint import Checkpoint
from avvla.training import group
from avvla.training.console import line, validation_line
from avvla.training.group import Place
from avvla.training.optimiser import adamw
from avvla.training.order import Order
from avvla.training.past import go_on_from
from avvla.training.spikes import Spike, SpikeWatch
from avvla.training.state import Progress, Run, State
from avvla.training.tracker import Tracker
from avvla.training.workload import Batch, Workload

LOSS, SHARE = "loss", "share"


@dataclass
class Trained:
    """What a training leaves behind."""

    checkpoint: Checkpoint
    rows: list[dict[str, float]]
    """By step: terms of the loss, learning rate, gradient norm, figures of the validation."""
    spikes: list[Spike] = field(default_factory=list)


def train(make: Callable[[str], Workload], settings: Train, device: str, run: Run) -> Trained:
    """Train what `make` makes, in `train.processes` processes.

    Args:
        make: called with a torch device in every process, so it is picklable.
        settings: the parameters `train`.
        device: `cpu`, or `cuda` for a GPU to each process.
        run: where the state of this training is kept; one that is there is gone on with.

    Raises:
        UserError: the batch cannot be shared equally, a sample or the loss is not finite, memory or
            the disk is full, a kept state is damaged, or `make` raises it.
    """
    share = settings.processes * settings.accumulate
    if settings.batch_size % share:
        raise UserError(
            f"train.batch_size is {settings.batch_size}, expected a multiple of train.processes x"
            f" train.accumulate = {share}"
        )
    with run.locked() if group.leads() else nullcontext():
        return group.run(settings, device, _train, make, settings, run)


@contextmanager
def _memory(settings: Train) -> Iterator[None]:
    """Say what to do when memory does not suffice; torch has no class for that of the CPU."""
    try:
        yield
    except RuntimeError as error:
        if not isinstance(error, torch.OutOfMemoryError) and "can't allocate" not in str(error):
            raise
        raise UserError(
            f"memory is full with train.batch_size = {settings.batch_size} in {settings.processes}"
            f" processes x train.accumulate = {settings.accumulate} parts: raise train.accumulate,"
            " or lower train.batch_size"
        ) from None


class _Loss(nn.Module):
    """The loss as the module that accelerate wraps."""

    def __init__(self, workload: Workload) -> None:
        super().__init__()
        self.policy = workload.checkpoint.policy
        self._loss = workload.loss

    def forward(self, *batch: Any) -> tuple[Tensor, dict[str, float]]:
        return self._loss(*batch)


class _Training:
    """A training under way, in one of its processes."""

    def __init__(
        self, place: Place, make: Callable[[str], Workload], settings: Train, run: Run
    ) -> None:
        self._place, self._settings, self._run = place, settings, run
        self.workload = make(place.device)
        self._policy = self.workload.checkpoint.policy
        self._optimiser = adamw(self._policy.get_optim_params(), settings)
        self._schedule = CosineDecayWithWarmupSchedulerConfig(
            num_warmup_steps=settings.warmup_steps,
            num_decay_steps=settings.steps,
            peak_lr=settings.lr,
            decay_lr=settings.lr * settings.final_lr,
        ).build(self._optimiser, settings.steps)
        if not settings.reset_scheduler:
            go_on_from(self.workload.past, self._optimiser, self._schedule, settings)
        self._model, self._stepper = place.accelerator.prepare(
            _Loss(self.workload), self._optimiser
        )
        count = len(self.workload.weight)
        self._order = Order(count, settings.batch_size, settings.seed)
        self._draws = Generator().manual_seed(settings.seed + 1)
        self._state = State(self.workload.checkpoint, self._optimiser, self._schedule, self._draws)
        self.watch = SpikeWatch(settings.spike_ratio)
        self.progress, self.watch.recent = run.load(self._state) or (Progress(), {})
        self._policy.train()

    def step(self) -> list[Spike]:
        """One step of the optimiser; who found their loss out of the ordinary."""
        settings, chosen = self._settings, self._order.batch(self.progress.step)
        shares = self._place.shares(len(chosen), settings.accumulate)
        with _memory(settings):
            own = self._gradients(chosen, shares[self._place.rank])
        everyone = self._place.gather(list(own.values()))
        values = dict(zip(own, everyone.sum(0).tolist(), strict=True))
        spikes = self._judge(chosen, shares, list(own), everyone)
        norm = self._place.accelerator.clip_grad_norm_(
            self._policy.parameters(), settings.grad_clip
        )
        if not (spikes and settings.skip_spikes):
            self._stepper.step()
        self._optimiser.zero_grad(set_to_none=True)
        rate = self._optimiser.param_groups[0]["lr"]
        self._schedule.step()
        del values[SHARE]
        self.progress.advance(
            {**values, "gradient_norm": float(norm), "learning_rate": rate}, spikes
        )
        return spikes

    def _gradients(self, chosen: list[int], parts: list[list[int]]) -> dict[str, float]:
        """Gradients of the batch's mean loss; this process's share in it and in its terms."""
        accelerator, size = self._place.accelerator, self._place.size
        noise, time = self._noise(len(chosen))
        weight = self.workload.weight[chosen] / self.workload.weight[chosen].sum()
        own = {SHARE: 0.0, LOSS: 0.0}
        before = self._draws.get_state()
        for part in parts:
            taken = part or [0]  # of no weight, as every process has to join in the averaging
            self._draws.set_state(before)
            samples = self.workload.batch(chosen, taken, self._draws)
            self._check(samples, [chosen[k] for k in taken])
            batch = self.workload.checkpoint.preprocessor(samples)
            to, share = batch[ACTION].device, float(weight[part].sum())
            with self._place.averaging(self._model, part is parts[-1]), accelerator.autocast():
                loss, terms = self._model(batch, noise[taken].to(to), time[taken].to(to))
                accelerator.backward(loss * (share * size))
            for name, value in {SHARE: 1.0, LOSS: loss.item(), **terms}.items():
                own[name] = own.get(name, 0.0) + value * share
        return own

    def _noise(self, count: int) -> tuple[Tensor, Tensor]:
        """Start and time of the flow, drawn for the whole batch in every process."""
        if self._order.begins_epoch(self.progress.step):
            # A DataLoader draws its workers' seed when an epoch begins. Without the same draw the
            # noise would not be lerobot-train's.
            torch.empty((), dtype=torch.int64).random_()
        config, model = self._policy.config, self._policy.model
        noise = model.sample_noise((count, config.chunk_size, config.max_action_dim), "cpu")
        return noise, model.sample_time(count, "cpu")

    def _check(self, samples: Batch, chosen: list[int]) -> None:
        for name, values in samples.items():
            if isinstance(values, Tensor) and values.is_floating_point():
                bad = ~torch.isfinite(values.reshape(len(values), -1)).all(1)
                if bad.any():
                    wrong = [i for i, flag in zip(chosen, bad.tolist(), strict=True) if flag]
                    raise UserError(
                        f"{name} holds NaN or infinity in {self.workload.origin.told(wrong)}: mend"
                        " or leave out these episodes and run the stages again"
                    )

    def _judge(
        self,
        chosen: list[int],
        shares: list[list[list[int]]],
        names: list[str],
        everyone: NDArray[np.float64],
    ) -> list[Spike]:
        """The spikes of this step, of whatever process; a loss that is no number is an error."""
        origin, spikes, step = self.workload.origin, [], self.progress.step + 1
        for rank, (share, *row) in enumerate(everyone.tolist()):
            part = [chosen[k] for positions in shares[rank] for k in positions]
            if not part:
                continue
            terms = {name: value / share for name, value in zip(names[1:], row, strict=True)}
            if not np.isfinite(terms[LOSS]):
                raise UserError(
                    f"the loss is {terms[LOSS]} at step {step}, in a batch of"
                    f" {origin.told(part)}: look at their labels, or lower train.lr"
                )
            average = self.watch.look(rank, terms[LOSS])
            if average is not None:
                spikes.append(Spike.of(step, rank, terms, average, origin, part))
        return spikes

    def save(self) -> None:
        """Keep the state."""
        self._run.save(self._state, self.progress, self.watch.recent)


def _train(place: Place, make: Callable[[str], Workload], settings: Train, run: Run) -> Trained:
    training = _Training(place, make, settings, run)
    progress, policy = training.progress, training.workload.checkpoint.policy
    first = place.rank == 0
    bar = tqdm(
        total=settings.steps,
        initial=progress.step,
        desc="train",
        unit="step",
        mininterval=2.0,
        disable=not first,
    )
    tracker = Tracker(settings.wandb if first else "off", run.folder, settings.model_dump())
    with bar, tracker:
        while progress.step < settings.steps:
            spikes = training.step()
            if not first:
                continue
            bar.update()
            for spike in spikes:
                tracker.spike(spike)
                bar.write(spike.line())
            step, last = progress.step, progress.step == settings.steps
            if step % settings.log_every == 0 or last:
                row = progress.close_row()
                tracker.log(row)
                bar.write(line(row, settings.steps))
            if step % settings.val_every == 0 or last:
                policy.eval()
                figures = progress.validated(training.workload.validate())
                policy.train()
                tracker.log(figures)
                bar.write(validation_line(figures))
            if step % settings.save_every == 0 or last:
                training.save()
        place.wait()
        tracker.summary(progress.spikes)
    policy.eval()
    return Trained(training.workload.checkpoint, progress.rows, progress.spikes)
