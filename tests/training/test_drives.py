from copy import deepcopy
from dataclasses import replace

import numpy as np
import pytest
import torch

from avvla.errors import UserError
from avvla.policy.interface import BLIND_GREY, Plan
from avvla.training import drives
from avvla.training.drives import Batches, Drives, train


def changed(params, **train):
    return params.model_copy(update={"train": params.train.model_copy(update=train)})


def weights(trained):
    policy = trained.checkpoint.policy
    return {name: value.clone() for name, value in policy.state_dict().items()}


def assert_equal(ours, theirs):
    assert ours.keys() == theirs.keys()
    for name, value in ours.items():
        assert torch.equal(value, theirs[name]), name


def test_trains_twice_to_the_same_bits(params, samples, new_run):
    first, second = (train(params, samples, samples, "cpu", new_run()) for _ in range(2))
    assert_equal(weights(first), weights(second))
    assert first.rows == second.rows
    assert [row["step"] for row in first.rows] == [2, 4]
    assert not first.checkpoint.policy.training


def test_another_seed_gives_another_agent(params, samples, new_run):
    first = train(params, samples, samples, "cpu", new_run())
    second = train(changed(params, seed=8), samples, samples, "cpu", new_run())
    name = "model.action_out_proj.weight"
    assert not torch.equal(weights(first)[name], weights(second)[name])


@pytest.mark.parametrize(
    "split", [{"processes": 2}, {"accumulate": 2}, {"processes": 2, "accumulate": 2}]
)
def test_a_batch_that_is_shared_trains_as_a_whole_one(params, samples, new_run, split):
    steps = {"steps": 10, "log_every": 1, "val_every": 10, "heading_dropout": 0.5, "mirror": 0.5}
    whole = train(changed(params, **steps), samples, samples, "cpu", new_run())
    shared = train(changed(params, **steps, **split), samples, samples, "cpu", new_run())
    for ours, theirs in zip(shared.rows, whole.rows, strict=True):
        assert ours["loss"] == pytest.approx(theirs["loss"], abs=1e-5)
    if split == {"processes": 2}:
        again = train(changed(params, **steps, **split), samples, samples, "cpu", new_run())
        assert_equal(weights(shared), weights(again))


def test_half_precision_trains_alike_and_keeps_whole_weights(params, samples, new_run):
    whole = train(params, samples, samples, "cpu", new_run())
    half = train(changed(params, precision="bf16"), samples, samples, "cpu", new_run())
    assert half.rows[0]["loss"] != whole.rows[0]["loss"]
    assert half.rows[0]["loss"] == pytest.approx(whole.rows[0]["loss"], rel=0.02)
    assert {value.dtype for value in weights(half).values()} == {torch.float32}


def test_learns(params, samples, new_run):
    longer = changed(params, steps=60, log_every=10, val_every=60, lr=3e-3)
    rows = train(longer, samples, samples, "cpu", new_run()).rows
    assert rows[-1]["loss_flow"] < 0.9 * rows[0]["loss_flow"]


def test_terms_of_the_loss_are_told_apart(params, samples, new_run):
    policy = params.policy.model_copy(update={"trajectory_loss": 0.5, "temporal_loss": 2.0})
    both = params.model_copy(update={"policy": policy})
    row = train(both, samples, samples, "cpu", new_run()).rows[-1]
    parts = row["loss_flow"] + 0.5 * row["loss_trajectory"] + 2.0 * row["loss_temporal"]
    assert row["loss"] == pytest.approx(parts, rel=1e-5)
    assert row["validation_loss_trajectory"] > 0


def test_validation_tells_errors_in_physical_units(params, samples, monkeypatch):
    workload = Drives(changed(params, val_samples=1000), samples, samples, "cpu")
    action, path = samples.action.astype(float), samples.trajectory.astype(float)
    ahead = np.zeros((*path.shape[:2], 4))
    ahead[..., :3] = path
    ahead[:, :, 1] += np.arange(1, 65) * 0.1  # 0.1 m further to the left at every step

    def plan(_):
        return Plan(action + np.array([0.5, -0.01]), ahead)

    monkeypatch.setattr(workload.checkpoint.policy, "plan", plan)
    state = torch.get_rng_state()
    figures = workload.validate()
    assert torch.equal(torch.get_rng_state(), state)
    assert figures["validation_acceleration_error"] == pytest.approx(0.5)
    assert figures["validation_curvature_error"] == pytest.approx(0.01)
    for horizon, fde in ((1, 1.0), (3, 3.0), (6.4, 6.4)):
        assert figures[f"validation_fde_{horizon}s"] == pytest.approx(fde)
        assert figures[f"validation_ade_{horizon}s"] == pytest.approx((fde + 0.1) / 2)
    assert figures == workload.validate()


def test_blind_training_does_not_see_the_images(params, samples, new_run):
    blind = changed(params, blind=True)
    other = replace(samples, image=255 - samples.image)
    assert_equal(
        weights(train(blind, samples, samples, "cpu", new_run())),
        weights(train(blind, other, samples, "cpu", new_run())),
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


def test_a_part_of_a_batch_is_drawn_as_in_the_whole(params, samples):
    both = changed(params, heading_dropout=0.5, mirror=0.5)
    workload = Drives(both, samples, samples, "cpu")
    chosen = [7, 3, 11, 0, 5]
    whole, part = (
        workload.batch(chosen, positions, torch.Generator().manual_seed(1))
        for positions in ([0, 1, 2, 3, 4], [3, 1])
    )
    for name, values in part.items():
        if name == "task":
            assert values == [whole[name][3], whole[name][1]]
        else:
            assert torch.equal(values, whole[name][[3, 1]])


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda s: replace(s, state=s.state[:0]), "the training split is empty"),
        (lambda s: replace(s, image=s.image[:, :32, :32]), "images are 32 px wide, expected"),
        (lambda s: replace(s, action=np.full_like(s.action, np.nan)), r"episodes \[0, 1, 2, 3\]"),
    ],
)
def test_bad_samples_are_named(params, samples, new_run, change, told):
    with pytest.raises(UserError, match=told):
        train(params, change(samples), samples, "cpu", new_run())


def test_an_infinite_loss_names_its_samples(params, samples, new_run):
    with pytest.raises(UserError, match=r"the loss is (nan|inf) at step \d+, in a batch of clip"):
        train(changed(params, lr=1e30), samples, samples, "cpu", new_run())
