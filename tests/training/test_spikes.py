import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avvla.training import spikes
from avvla.training.spikes import COLUMNS, Spike, SpikeWatch


def test_a_loss_counts_as_a_spike_from_the_51st_on():
    watch = SpikeWatch(3.0)
    assert [watch.look(0, 1.0) for _ in range(49)] == [None] * 49
    assert watch.look(0, 9.0) is None
    assert watch.look(0, 1.0) is None
    average = (50 + 9) / 51
    assert watch.look(0, 3.0 * average + 0.01) == pytest.approx(average)


def test_a_spike_is_more_than_the_ratio_of_the_last_hundred():
    watch = SpikeWatch(3.0)
    for _ in range(100):
        watch.look(0, 100.0)
    for _ in range(100):
        watch.look(0, 1.0)
    assert watch.look(0, 3.0) is None
    assert watch.look(0, 3.1) == pytest.approx((99 + 3.0) / 100)


def test_every_process_has_its_own_losses():
    watch = SpikeWatch(3.0)
    for _ in range(60):
        watch.look(0, 1.0)
        watch.look(1, 10.0)
    assert watch.look(1, 20.0) is None
    assert watch.look(0, 20.0) == pytest.approx(1.0)


@given(st.lists(st.floats(0.01, 1e6), max_size=150))
def test_what_is_remembered_is_the_last_hundred(losses):
    watch = SpikeWatch(3.0)
    for loss in losses:
        watch.look(2, loss)
    assert watch.recent.get(2, []) == losses[-100:]


def test_the_table_has_the_guide_s_columns(spike):
    assert COLUMNS[:3] == ("step", "loss", "action_loss")
    rows = list(csv.DictReader(io.StringIO(spikes.table([spike, spike]))))
    assert len(rows) == 2
    assert rows[0] == {
        "step": "70",
        "loss": "4.0",
        "action_loss": "3.0",
        "trajectory_loss": "0.0",
        "temporal_loss": "1.0",
        "moving_avg": "0.5",
        "ratio": "8.0",
        "episode_indices": "3 8 3",
        "frame_indices": "2 0 0",
        "episode_paths": "day/a.h5|day/b.h5|day/a.h5",
        "rank": "1",
    }
    assert spikes.table([]).splitlines() == [",".join(COLUMNS)]


def test_a_line_names_step_loss_average_ratio_and_episodes(spike):
    line = "[SPIKE] step 70 loss 4.0000 average 0.5000 ratio 8.0 rank 1 episodes 3 8"
    assert spike.line() == line
    assert spikes.lines([spike]) == f"{line} of day/a.h5, day/b.h5\n"


def test_a_spike_survives_json(spike):
    assert Spike(**spike.plain()) == spike
