"""Statistics of pixels, against numpy's and LeRobot's."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lerobot.datasets.compute_stats import RunningQuantileStats

from avvla.dataset.pixel_stats import PixelStats


def _statistics(images):
    stats = PixelStats(channels=3)
    for image in images:
        stats.add(image)
    return stats.statistics()


def _images(ranges, seed, size=16):
    rng = np.random.default_rng(seed)
    return [rng.integers(*limits, (24, size, 3), np.uint8) for limits in ranges]


RANGES = st.tuples(st.integers(0, 255), st.integers(1, 256)).filter(
    lambda limits: limits[0] < limits[1]
)


@given(st.lists(RANGES, min_size=1, max_size=4), st.integers(0, 9))
def test_statistics_are_those_of_all_pixels(ranges, seed):
    images = _images(ranges, seed)
    pixels = np.concatenate([image.reshape(-1, 3) for image in images])
    found = _statistics(images)
    for name, exact in {
        "min": pixels.min(0),
        "max": pixels.max(0),
        "mean": pixels.mean(0),
        "std": pixels.std(0),
        **{
            f"q{q:02d}": np.percentile(pixels, q, 0, method="inverted_cdf")
            for q in (1, 10, 50, 90, 99)
        },
    }.items():
        assert found[name].shape == (3, 1, 1)
        np.testing.assert_allclose(found[name][:, 0, 0] * 255, exact, rtol=1e-12, atol=1e-9)
    assert found["count"] == [len(pixels)]


@pytest.mark.parametrize(
    "ranges", [[(0, 256)] * 2, [(100, 110), (90, 140), (0, 256)], [(7, 8)] * 2]
)
@pytest.mark.parametrize("seed", range(3))
def test_statistics_are_lerobot_s(ranges, seed):
    images, reference = _images(ranges, seed), RunningQuantileStats()
    for image in images:
        reference.update(image.reshape(-1, 3))
    found, expected = _statistics(images), reference.get_statistics()
    assert list(found) == list(expected)
    bin_width = 1 / 5000
    for name, value in expected.items():
        if name == "count":
            assert value == found[name]
        else:
            atol = len(images) * bin_width if name[0] == "q" else 1e-6
            np.testing.assert_allclose(found[name][:, 0, 0], value / 255, rtol=1e-5, atol=atol)


def test_large_images_are_thinned():
    image = np.random.default_rng(4).integers(0, 256, (320, 320, 3), np.uint8)
    found = _statistics([image])
    assert found["count"] == [160 * 160]
    np.testing.assert_allclose(found["mean"][:, 0, 0] * 255, image[::2, ::2].mean((0, 1)))
