import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from avvla.evaluation.intervals import bootstrap


def test_the_interval_of_independent_samples_is_about_two_standard_errors():
    values = np.random.default_rng(3).normal(5.0, 2.0, (400, 1))
    low, high = bootstrap(values, [str(index) for index in range(400)])[:, 0]
    half = 1.96 * values.std() / 20
    assert (low, high) == pytest.approx((values.mean() - half, values.mean() + half), abs=0.05)


def test_samples_of_one_clip_count_as_one():
    values = np.repeat(np.random.default_rng(3).normal(0.0, 1.0, 20), 50)[:, None]
    clips = np.repeat(np.arange(20), 50).astype(str).tolist()
    together = np.ptp(bootstrap(values, clips))
    apart = np.ptp(bootstrap(values, [str(index) for index in range(1000)]))
    assert together > 5 * apart


@given(st.integers(1, 30), st.integers(0, 1000))
def test_the_interval_is_the_same_each_time_and_among_the_values(count, seed):
    values = np.random.default_rng(seed).uniform(-3, 3, (count, 2))
    clips = [str(index % 7) for index in range(count)]
    found = bootstrap(values, clips)
    np.testing.assert_array_equal(found, bootstrap(values, clips))
    assert (found[0] <= found[1]).all()
    assert (values.min(0) - 1e-9 <= found[0]).all()
    assert (found[1] <= values.max(0) + 1e-9).all()
