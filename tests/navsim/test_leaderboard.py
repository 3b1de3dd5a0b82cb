import pytest

from avvla.navsim.leaderboard import BLIND, CONSTANT_VELOCITY, board


@pytest.mark.parametrize(
    ("version", "split", "mended", "title"),
    [
        ("v1.1", "navtest", False, "PDMS on navtest"),
        ("v2.2", "navtest", True, "EPDMS on navtest, one stage, NAVSIM v2.2 with"),
        ("v2.2", "navtest", False, "EPDMS on navtest, one stage, NAVSIM v2 before"),
        ("v2.2", "navhard_two_stage", True, "EPDMS on navhard_two_stage"),
    ],
)
def test_each_metric_has_its_own_figures_best_first(version, split, mended, title):
    found = board(version, split, mended=mended)
    assert found.title.startswith(title)
    figures = [entry.score for entry in found.entries]
    assert figures == sorted(figures, reverse=True)
    assert all(0 < figure < 100 for figure in figures)
    assert all(entry.source for entry in found.entries)


def test_the_canary_and_the_blind_stand_last_on_navtest():
    *_, blind, canary = board("v1.1", "navtest", mended=False).entries
    assert (blind.score, canary.score) == (BLIND, CONSTANT_VELOCITY)


@pytest.mark.parametrize(
    ("version", "split", "mended"),
    [("v1.1", "navmini", False), ("v2.2", "navhard_two_stage", False), ("v2.2", "navmini", True)],
)
def test_what_cannot_be_compared_has_none(version, split, mended):
    assert board(version, split, mended=mended) is None
