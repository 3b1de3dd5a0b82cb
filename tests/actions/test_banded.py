import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from avvla.actions.banded import regulariser, solve, solve_pinned


def dense(bands):
    below = sum(np.diag(band[: len(band) - k], -k) for k, band in enumerate(bands))
    return below + below.T - np.diag(bands[0])


def some_systems(seed, n, systems):
    """Positive definite bands (3, systems, n) and right-hand sides (systems, n)."""
    rng = np.random.default_rng(seed)
    bands = rng.normal(size=(3, systems, n))
    bands[0] = 10 + np.abs(bands[0])
    bands[1, :, -1:] = bands[2, :, -2:] = 0
    return bands, rng.normal(size=(systems, n))


def test_regulariser_is_the_quadratic_form():
    z = np.random.default_rng(0).normal(size=12)
    form = z @ dense(regulariser(12, 2, (1e-4, 1e-3), 0.1)) @ z
    assert form == pytest.approx(np.sum(np.diff(z, 2) ** 2) + 1e-3 * np.sum(z**2))


@given(st.integers(0, 2**32 - 1), st.integers(3, 20), st.integers(1, 6))
def test_blocks_do_not_touch(seed, n, systems):
    bands, right = some_systems(seed, n, systems)
    expected = [np.linalg.solve(dense(bands[:, i]), right[i]) for i in range(systems)]
    np.testing.assert_allclose(solve(bands, right), expected, atol=1e-9)


def test_one_matrix_for_all():
    bands, right = some_systems(1, 9, 4)
    expected = np.linalg.solve(dense(bands[:, 0]), right.T).T
    np.testing.assert_allclose(solve(bands[:, 0], right), expected, atol=1e-12)


def test_pinned_minimises_over_the_free_unknowns():
    bands, right = some_systems(2, 9, 1)
    a, b = dense(bands[:, 0]), right[0]
    z = solve_pinned(bands, right, np.array([2.5]))[0]
    assert z[0] == 2.5
    np.testing.assert_allclose((a @ z - b)[1:], 0, atol=1e-12)


def test_no_system():
    assert solve(np.zeros((3, 0, 9)), np.zeros((0, 9))).shape == (0, 9)
