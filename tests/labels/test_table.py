import numpy as np
import pytest
from drives import window

from avvla.config import Label
from avvla.errors import UserError
from avvla.labels.table import label_rows

T0_US = np.array([4_000_000, 2_000_000, 3_000_000])
PATHS = [
    np.concatenate(arrays)
    for arrays in zip(window(6.0, 0.0, -0.1), window(10.0), window(10.0, -0.5), strict=True)
]
EVENTS = [(0, "Follow the lane because nothing else was asked."), (3_500_000, "Turn left.")]
COLUMNS = [
    "clip_id",
    "t0_us",
    "command",
    "decision_longitudinal",
    "decision_lateral",
    "direction",
    "object",
    "cause",
    "source",
    "confidence",
    "consistent",
]


def rows(source, **change):
    return label_rows(Label(source=source, **change), "c1", T0_US, *PATHS, EVENTS)


@pytest.mark.parametrize("source", ["scenario", "kinematic", "fixed"])
def test_columns_types_and_order(source):
    table = rows(source)
    assert table.columns.tolist() == COLUMNS
    assert table["t0_us"].tolist() == sorted(T0_US)
    assert table["t0_us"].dtype == np.int64
    assert table["confidence"].dtype == np.float64
    assert table["consistent"].dtype == bool
    assert set(table["clip_id"]) == {"c1"}
    assert set(table["source"]) == {source}


def test_scenario_is_what_was_recorded_and_flags_the_contradiction():
    table = rows("scenario")
    assert table["command"].tolist() == ["Follow the lane", "Follow the lane", "Turn left"]
    assert table["decision_lateral"].tolist() == ["lane keeping", "lane keeping", "turn"]
    assert table["direction"].tolist() == ["none", "none", "left"]
    assert table["cause"].tolist() == ["nothing else was asked"] * 2 + [""]
    assert table["consistent"].tolist() == [True, True, False]


def test_kinematic_is_what_was_driven():
    table = rows("kinematic")
    assert table["command"].tolist() == ["Follow the lane", "Slow down", "Turn right"]
    assert table["confidence"].tolist() == [1.0, 1.0, 0.5]
    assert table["consistent"].all()


def test_fixed_is_one_command():
    table = rows("fixed", command="Speed up")
    assert set(table["command"]) == {"Speed up"}
    assert table["consistent"].tolist() == [True, False, True]
    with pytest.raises(UserError, match="did you mean 'Speed up'"):
        rows("fixed", command="Sped up")


def test_no_window():
    empty = [np.zeros((0, 80, 2)), np.zeros((0, 80)), np.zeros((0, 80))]
    table = label_rows(Label(), "c1", np.array([], np.int64), *empty, EVENTS)
    assert table.columns.tolist() == COLUMNS
    assert len(table) == 0
