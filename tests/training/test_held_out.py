from types import SimpleNamespace

import torch

from avvla.config import Train
from avvla.training.held_out import HeldOut

CONFIG = SimpleNamespace(chunk_size=4, max_action_dim=3)


def test_the_same_seed_draws_the_same_samples_and_noise():
    first, second = (HeldOut.draw(CONFIG, 50, Train(val_samples=8)) for _ in range(2))
    assert first.chosen == second.chosen == sorted(set(first.chosen))
    assert torch.equal(first.noise, second.noise)
    assert first.noise.shape == (8, 4, 3)
    assert ((first.time > 0) & (first.time < 1)).all()
    assert HeldOut.draw(CONFIG, 50, Train(val_samples=8, seed=8)).chosen != first.chosen


def test_few_samples_are_all_looked_at_and_no_other_draw_moves():
    state = torch.get_rng_state()
    assert HeldOut.draw(CONFIG, 3, Train()).chosen == [0, 1, 2]
    assert torch.equal(torch.get_rng_state(), state)
