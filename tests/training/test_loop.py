"""The loop on a policy of one weight, whose losses can be reckoned by hand."""

from functools import partial

import numpy as np
import pytest
import torch
from one_weight import Targets
from safetensors.torch import load_file

from avvla.config import Train
from avvla.errors import UserError
from avvla.training import loop

QUIET = [0.1] * 12


def settings(**train):
    plain = {"steps": 3, "batch_size": 4, "processes": 1, "log_every": 1, "warmup_steps": 1}
    return Train(**{**plain, "lr": 1e-3, "weight_decay": 0.0, **train})


def train(run, targets, weight=None, **changes):
    made = []

    def make(device):
        made.append(Targets(targets, device, weight))
        return made[-1]

    return loop.train(make, settings(**changes), "cpu", run), made[0]


def test_every_row_has_the_loss_of_its_steps(new_run):
    trained, workload = train(new_run(), range(1, 13), steps=4, log_every=2, lr=1e-9)
    assert [row["step"] for row in trained.rows] == [2, 4]
    losses = [np.mean(seen) + 1 for seen in workload.seen]
    assert trained.rows[0]["loss"] == pytest.approx(np.mean(losses[:2]), rel=1e-5)
    assert trained.rows[1]["loss_flow"] == pytest.approx(np.mean(losses[2:]), rel=1e-5)
    assert trained.rows[0]["gradient_norm"] == pytest.approx(1.0)


def test_validation_comes_at_its_steps_and_at_the_last(new_run):
    trained, _ = train(new_run(), range(1, 13), steps=5, log_every=10, val_every=2)
    validated = [row["step"] for row in trained.rows if "validation_loss" in row]
    assert validated == [2, 4, 5]
    assert "loss" not in trained.rows[0]


def test_the_rate_falls_from_its_peak_to_its_end(new_run):
    trained, _ = train(new_run(), QUIET, steps=50, lr=0.1, final_lr=0.1)
    rates = [row["learning_rate"] for row in trained.rows]
    assert max(rates[1:]) == rates[1] == pytest.approx(0.1, rel=0.01)
    assert rates[-1] == pytest.approx(0.01, rel=0.02)
    assert rates[1:] == sorted(rates[1:], reverse=True)


@pytest.mark.parametrize("accumulate", [2, 4])
def test_a_batch_taken_in_parts_has_the_same_gradient(new_run, accumulate):
    weight = [1, 5, 2, 2, 9, 1, 1, 4, 3, 3, 8, 1]
    whole, _ = train(new_run(), range(1, 13), weight)
    parts, _ = train(new_run(), range(1, 13), weight, accumulate=accumulate)
    for ours, theirs in zip(parts.rows, whole.rows, strict=True):
        assert ours["gradient_norm"] == pytest.approx(theirs["gradient_norm"], rel=1e-5)


def test_a_part_is_weighed_by_its_samples(new_run):
    trained, workload = train(new_run(), range(4), [1, 1, 1, 97], accumulate=4, steps=1)
    assert trained.rows[0]["loss"] == pytest.approx((0 + 1 + 2 + 97 * 3) / 100, rel=1e-5)
    assert [len(part) for part in workload.seen] == [1, 1, 1, 1]


def test_the_last_batch_of_an_epoch_may_be_smaller_than_its_parts(new_run):
    trained, workload = train(new_run(), range(5), steps=2, accumulate=4)
    *_, taken = workload.seen
    assert len(taken) == 1
    assert trained.rows[1]["loss"] == pytest.approx(workload.seen[4][0], abs=0.01)


def spiking(run, **changes):
    """Two epochs of quiet samples and one far away, which is a spike the second time."""
    targets = [0.1] * 240
    targets[77] = 1000.0
    return train(run, targets, steps=120, lr=1e-9, **changes)


def test_a_spike_names_its_samples(new_run):
    trained, workload = spiking(new_run())
    spike = trained.spikes[-1]
    assert 77 in workload.seen[spike.step - 1]
    at = spike.episodes.index(25)
    assert (spike.paths[at], spike.frames[at]) == ("clip_25", 2)
    assert spike.terms["loss"] > 200


def test_a_spiking_batch_may_be_left_out(new_run):
    for skip in (False, True):
        run = new_run()
        trained, _ = spiking(run, skip_spikes=skip)
        kept = run.folder / "checkpoints/last/training_state/optimizer_state.safetensors"
        left_out = len(trained.spikes) if skip else 0
        assert trained.spikes
        assert load_file(kept)["state/0/step"] == 120 - left_out


def test_a_loss_that_is_no_number_names_its_samples(new_run):
    class Infinite(Targets):
        def loss(self, batch, noise, time):
            return super().loss(batch, noise, time)[0] * float("inf"), {"loss_flow": 0.0}

    with pytest.raises(UserError, match=r"the loss is (inf|nan) at step 1, .* of clip_\d f"):
        loop.train(partial(Infinite, [1.0] * 12), settings(), "cpu", new_run())


def test_a_sample_that_is_no_number_is_named(new_run):
    targets = [0.1] * 12
    targets[7] = float("nan")
    with pytest.raises(UserError, match=r"action holds NaN or infinity in clip_2 frame 1: mend"):
        train(new_run(), targets)


@pytest.mark.parametrize("error", [torch.OutOfMemoryError("CUDA"), RuntimeError("can't allocate")])
def test_memory_that_is_full_names_the_parameter_to_lower(new_run, error):
    class Large(Targets):
        def loss(self, *_):
            raise error

    with pytest.raises(UserError, match=r"memory is full with train.batch_size = 4 .*accumulate"):
        loop.train(partial(Large, QUIET), settings(), "cpu", new_run())


def test_another_fault_of_the_network_keeps_its_traceback(new_run):
    class Wrong(Targets):
        def loss(self, *_):
            raise RuntimeError("shapes differ")

    with pytest.raises(RuntimeError, match="shapes differ"):
        loop.train(partial(Wrong, QUIET), settings(), "cpu", new_run())


@pytest.mark.parametrize(("processes", "accumulate"), [(3, 1), (1, 3), (2, 4)])
def test_a_batch_that_cannot_be_shared_is_refused(new_run, processes, accumulate):
    with pytest.raises(UserError, match=r"train.batch_size is 4, expected a multiple of .* = \d"):
        train(new_run(), QUIET, processes=processes, accumulate=accumulate)
