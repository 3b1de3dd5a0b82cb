import sys
from pathlib import Path

import pytest

from avvla.errors import UserError
from avvla.training import group


@pytest.fixture(autouse=True)
def work(monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    import group_work

    yield group_work
    sys.modules.pop("group_work", None)


def test_alone_nothing_is_averaged(work):
    assert group.run(1, work.average) == (
        [[1.0, 2.0], [[0.0, 0.0], [0.0, 0.0]]],
        [0, 1, 2, 3, 4, 5, 6, 7],
    )


def test_two_processes_share_the_batch_and_the_mean(work):
    averaged, part = group.run(2, work.average)
    assert averaged == [[1.5, 3.0], [[0.5, 0.5], [0.5, 0.5]]]
    assert part == [0, 2, 4, 6]


def test_a_process_that_ends_early_is_told(work):
    with pytest.raises(UserError, match="a training process ended early"):
        group.run(2, work.leave)
