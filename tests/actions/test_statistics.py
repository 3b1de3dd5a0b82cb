import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from avvla.actions.statistics import BINS, RELEASED, describe, gather, merge
from avvla.actions.validity import BOUNDS


def some_actions(n, scale=1.0):
    rng = np.random.default_rng(n)
    return (rng.normal(size=(n, 64, 2)) * [0.7, 0.02] * scale + [0.1, 0.001]).clip(-BOUNDS, BOUNDS)


@given(st.lists(st.integers(0, 7), max_size=5))
def test_parts_give_what_the_whole_gives(sizes):
    actions = [some_actions(n) for n in sizes]
    whole = gather(np.concatenate([np.zeros((0, 64, 2)), *actions]))
    merged = merge(gather(action) for action in actions)
    assert merged.count == whole.count
    np.testing.assert_allclose(merged.mean, whole.mean, atol=1e-12)
    np.testing.assert_allclose(merged.squares, whole.squares, rtol=1e-9, atol=1e-12)
    np.testing.assert_array_equal(merged.counts, whole.counts)


def test_figures_are_those_of_numpy():
    action = some_actions(200)
    found = describe(gather(action))
    for channel, name in enumerate(("acceleration", "curvature")):
        values, row = action[..., channel].ravel(), found[name]
        assert row["mean"] == pytest.approx(values.mean())
        assert row["std"] == pytest.approx(values.std())
        assert (row["released_mean"], row["released_std"]) == RELEASED[name]
        assert row["std_ratio"] == pytest.approx(values.std() / RELEASED[name][1])
        for percent in (1, 50, 99.9):
            exact = np.percentile(values, percent, method="inverted_cdf")
            assert row[f"p{percent:g}"] == pytest.approx(exact, abs=1.01 * BOUNDS[channel] / BINS)
    assert found["wild"] == []


def test_values_at_the_bounds_are_counted():
    found = gather(np.stack([BOUNDS, -BOUNDS]))
    assert found.counts.sum() == 4
    assert (found.counts[:, [0, -1]] == 1).all()


def test_wild_ratios_are_named():
    assert describe(gather(some_actions(50, 0.1)))["wild"] == ["acceleration", "curvature"]
    action = some_actions(50)
    action[..., 1] *= 5
    assert describe(gather(action))["wild"] == ["curvature"]


def test_no_label_has_no_statistics():
    assert describe(merge([])) == {}
