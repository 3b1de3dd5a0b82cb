from copy import deepcopy
from dataclasses import replace
from itertools import chain, islice

import numpy as np
import pytest
import torch

from avvla.errors import UserError
from avvla.policy.interface import BLIND_GREY
from avvla.training import drives
from avvla.training.drives import Batches, train
from avvla.training.loop import shuffled


def changed(params, **train):
    return params.model_copy(update={"train": params.train.model_copy(update=train)})


def weights(checkpoint):
    return {name: value.clone() for name, value in checkpoint.policy.state_dict().items()}


def assert_equal(ours, theirs):
    assert ours.keys() == theirs.keys()
    for name, value in ours.items():
        assert torch.equal(value, theirs[name]), name


def test_trains_twice_to_the_same_bits(params, samples):
    first, history = train(params, samples, samples, "cpu")
    second, _ = train(params, samples, samples, "cpu")
    assert_equal(weights(first), weights(second))
    assert [row["step"] for row in history.rows] == [2, 4]
    assert history.rows[-1]["validation_loss_flow"] > 0
    assert not first.policy.training


def test_another_seed_gives_another_agent(params, samples):
    first, _ = train(params, samples, samples, "cpu")
    second, _ = train(changed(params, seed=8), samples, samples, "cpu")
    assert not torch.equal(
        first.policy.state_dict()["model.action_out_proj.weight"],
        second.policy.state_dict()["model.action_out_proj.weight"],
    )


def test_two_processes_train_as_one_does(params, samples):
    alone, history = train(params, samples, samples, "cpu")
    together, shared = train(changed(params, processes=2), samples, samples, "cpu")
    again, _ = train(changed(params, processes=2), samples, samples, "cpu")
    assert_equal(weights(together), weights(again))
    for name, value in weights(alone).items():
        torch.testing.assert_close(weights(together)[name], value, rtol=1e-3, atol=1e-4)
    assert shared.rows[0]["gradient_norm"] == pytest.approx(
        history.rows[0]["gradient_norm"], rel=1e-3
    )


def test_learns(params, samples):
    _, history = train(changed(params, steps=60, log_every=10, lr=3e-3), samples, samples, "cpu")
    assert history.rows[-1]["loss_flow"] < 0.9 * history.rows[0]["loss_flow"]


def test_blind_training_does_not_see_the_images(params, samples):
    blind = changed(params, blind=True)
    other = replace(samples, image=255 - samples.image)
    assert_equal(
        weights(train(blind, samples, samples, "cpu")[0]),
        weights(train(blind, other, samples, "cpu")[0]),
    )
    seen = Batches(samples, blind=True).take([0])["observation.images.front_wide"]
    assert (seen == BLIND_GREY / 255).all()


def test_heading_dropout_moves_headings_and_nothing_else(samples):
    batches = Batches(samples, blind=False)
    chosen = list(range(12))
    whole, dropped = batches.take(chosen), batches.take(chosen)
    batches.drop_heading(dropped, 1.0, torch.Generator().manual_seed(0))
    before, after = whole["observation.state"], dropped["observation.state"]
    assert torch.equal(before[:, 0], after[:, 0])
    assert not torch.equal(before[:, 1], after[:, 1])
    assert set(after[:, 1].tolist()) <= set(before[:, 1].tolist())
    batches.drop_heading(whole, 0.0, torch.Generator().manual_seed(0))
    assert torch.equal(whole["observation.state"], torch.from_numpy(samples.state))


def test_no_sample_of_an_episode_with_a_junction_is_two_sided(samples):
    # The factory's episodes: Follow the lane, Turn left, Stop.
    assert not Batches(samples, blind=False).two_sided.any()
    command = ("Follow the lane", "Go straight", "Stop", *["Stop"] * 9)
    batches = Batches(replace(samples, command=command), blind=False)
    assert batches.two_sided.tolist() == [False] * 3 + [True] * 9


def test_a_mirror_swaps_left_and_right_of_two_sided_samples():
    commands = ["Change lane left", "Change lane left", "Follow the lane", "Stop"]
    two_sided = torch.tensor([True, False, True, True])
    batch = {
        "observation.images.front_wide": torch.rand(4, 3, 8, 8),
        "observation.state": torch.rand(4, 2),
        "action": torch.rand(4, 64, 2),
        "task": commands,
    }
    before = deepcopy(batch)
    flip = torch.tensor([1, -1])
    drives.mirror(batch, two_sided, 1.0, torch.Generator().manual_seed(0))
    assert batch["task"] == ["Change lane right", *commands[1:]]
    image = "observation.images.front_wide"
    for name in (image, "observation.state", "action"):
        assert torch.equal(batch[name][1], before[name][1])
    assert torch.equal(batch[image][0], before[image][0].flip(-1))
    assert torch.equal(batch["observation.state"][0], before["observation.state"][0] * flip)
    assert torch.equal(batch["action"][2], before["action"][2] * flip)
    drives.mirror(batch, two_sided, 1.0, torch.Generator().manual_seed(0))
    assert batch["task"] == commands
    assert torch.equal(batch[image], before[image])


def test_every_sample_comes_once_an_epoch(params):
    batches = list(islice(shuffled(12, params.train, seed=1), 6))
    for epoch in (batches[:3], batches[3:]):
        assert sorted(chain.from_iterable(epoch)) == list(range(12))
    assert batches[:3] != batches[3:]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda s: replace(s, state=s.state[:0]), "the training split is empty"),
        (lambda s: replace(s, image=s.image[:, :32, :32]), "images are 32 px wide, expected"),
        (lambda s: replace(s, action=np.full_like(s.action, np.nan)), r"episodes \[0, 1, 2, 3\]"),
    ],
)
def test_bad_samples_are_named(params, samples, change, told):
    with pytest.raises(UserError, match=told):
        train(params, change(samples), samples, "cpu")


def test_a_batch_that_cannot_be_shared_is_refused(params, samples):
    with pytest.raises(UserError, match=r"train.batch_size is 4, expected a multiple of .* = 3"):
        train(changed(params, processes=3), samples, samples, "cpu")


def test_an_infinite_loss_names_its_episodes(params, samples):
    with pytest.raises(UserError, match=r"the loss is (nan|inf) at step \d+, in a batch of the ep"):
        train(changed(params, lr=1e30), samples, samples, "cpu")
