import pytest
from hypothesis import given
from hypothesis import strategies as st

from avvla.training.schedule import learning_rate_factor


def test_rises_to_one_and_falls_to_the_final_share():
    factors = [learning_rate_factor(step, 100, 10, 0.02) for step in range(101)]
    assert factors[0] == pytest.approx(0.1)
    assert factors[9] == factors[10] == pytest.approx(1.0)
    assert factors[55] == pytest.approx(0.51)
    assert factors[100] == pytest.approx(0.02)
    assert factors[10:] == sorted(factors[10:], reverse=True)


@given(
    step=st.integers(0, 10_000),
    steps=st.integers(1, 5_000),
    warmup=st.integers(0, 200),
    final=st.floats(0, 1),
)
def test_stays_between_zero_and_one(step, steps, warmup, final):
    assert 0.0 <= learning_rate_factor(step, steps, warmup, final) <= 1.0 + 1e-12
