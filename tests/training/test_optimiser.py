"""The optimiser: fused, and again so after its state was read."""

import torch
from lerobot.optim import load_optimizer_state, save_optimizer_state

from avvla.config import Params
from avvla.training.optimiser import adamw

SETTINGS = Params().train


def stepped(steps=2):
    weight = torch.nn.Parameter(torch.linspace(-1, 1, 100))
    optimiser = adamw([weight], SETTINGS)
    for _ in range(steps):
        step(optimiser, weight)
    return optimiser, weight


def step(optimiser, weight):
    weight.grad = weight.detach().sin()
    optimiser.step()


def test_it_is_fused():
    optimiser, _ = stepped()
    assert all(group["fused"] for group in optimiser.param_groups)


def test_lerobot_reads_its_state(tmp_path):
    optimiser, weight = stepped()
    save_optimizer_state(optimiser, tmp_path)
    theirs = torch.optim.AdamW([torch.nn.Parameter(weight.detach().clone())])
    theirs.load_state_dict(optimiser.state_dict())
    load_optimizer_state(theirs, tmp_path)
    assert theirs.param_groups[0]["lr"] == SETTINGS.lr


def test_it_goes_on_where_it_was(tmp_path):
    optimiser, weight = stepped()
    save_optimizer_state(optimiser, tmp_path)
    again = torch.nn.Parameter(weight.detach().clone())
    resumed = adamw([again], SETTINGS)
    load_optimizer_state(resumed, tmp_path)
    assert all(group["fused"] for group in resumed.param_groups)
    for one, other in ((optimiser, weight), (resumed, again)):
        step(one, other)
    assert torch.equal(weight, again)
