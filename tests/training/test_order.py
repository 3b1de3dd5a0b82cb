from itertools import chain

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lerobot.datasets import EpisodeAwareSampler
from torch.utils.data import BatchSampler

from avvla.training.order import Order


@pytest.mark.parametrize(("count", "size"), [(12, 4), (11, 4), (3, 5)])
def test_the_order_is_that_of_lerobot_s_loader(count, size):
    sampler = EpisodeAwareSampler([0, 2], [2, count], shuffle=True, seed=3)
    epochs = [list(BatchSampler(sampler, size, drop_last=False)) for _ in range(3)]
    order = Order(count, size, seed=3)
    wanted = list(chain.from_iterable(epochs))
    assert [order.batch(step) for step in range(len(wanted))] == wanted
    begins = [step for step in range(len(wanted)) if order.begins_epoch(step)]
    assert begins == [0, len(epochs[0]), 2 * len(epochs[0])]


@given(count=st.integers(1, 50), size=st.integers(1, 20), step=st.integers(0, 200))
def test_a_step_knows_its_samples_without_those_before(count, size, step):
    fresh, used = Order(count, size, seed=1), Order(count, size, seed=1)
    used.batch(step + 5)
    assert fresh.batch(step) == used.batch(step)


def test_every_sample_comes_once_an_epoch_and_epochs_differ():
    order = Order(11, 4, seed=1)
    epochs = [[order.batch(3 * epoch + i) for i in range(3)] for epoch in range(2)]
    for epoch in epochs:
        assert sorted(chain.from_iterable(epoch)) == list(range(11))
    assert epochs[0] != epochs[1]
    assert Order(11, 4, seed=2).batch(0) != order.batch(0)
