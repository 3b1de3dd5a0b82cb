import numpy as np
import pandas as pd
import pytest
from drives import window

from avvla.config import Label
from avvla.errors import UserError
from avvla.labels.coc import NO_SIDE, NO_VERB
from avvla.labels.table import EXAMPLES, label_rows, summary

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
    "text",
    "source",
    "confidence",
    "reason",
    "consistent",
]


def rows(source, events=EVENTS, **change):
    return label_rows(Label(source=source, **change), "c1", T0_US, *PATHS, events)


@pytest.mark.parametrize("source", ["scenario", "ood_reasoning", "alpamayo", "kinematic", "fixed"])
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


def test_reasoning_with_a_left_text_on_a_right_path_is_caught():
    events = [(2_500_000, "Sing."), (3_500_000, "Nudge left to clear the cones on the right.")]
    table = rows("ood_reasoning", events)
    assert table["command"].tolist() == ["Follow the lane", "Follow the lane", "Nudge left"]
    assert table["confidence"].tolist() == [0.0, 0.0, 1.0]
    assert table["reason"].tolist() == ["before the first event", NO_VERB, ""]
    assert table["text"].tolist() == ["", "Sing.", events[1][1]]
    assert table["object"].tolist() == ["", "", "cone"]
    assert table["consistent"].tolist() == [True, True, False]


def test_kinematic_is_what_was_driven():
    table = rows("kinematic")
    assert table["command"].tolist() == ["Follow the lane", "Slow down", "Turn right"]
    assert table["confidence"].tolist() == [1.0, 1.0, 0.75]
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


def test_summary_counts_commands_classes_and_what_is_no_command():
    events = [(0, "Turn left because of the route."), (2_500_000, "Sing."), (3_500_000, "Turn.")]
    assert summary(rows("ood_reasoning", events)) == {
        "n": 3,
        "commands": {"Turn left": 1, "Follow the lane": 2},
        "confidence": {"certain": 1, "likely": 0, "ambiguous": 0, "unknown": 2},
        "inconsistent": 0,
        "no_command": {NO_VERB: 1, NO_SIDE: 1},
        "unknown_sentences": {"different": 2, "rows": 2, "examples": {"Sing.": 1, "Turn.": 1}},
    }
    kinematic = summary(rows("kinematic"))
    assert kinematic["confidence"] == {"certain": 2, "likely": 1, "ambiguous": 0, "unknown": 0}
    assert kinematic["no_command"] == {}
    assert summary(rows("fixed", command="Speed up"))["inconsistent"] == 1


def test_summary_shows_the_most_frequent_sentences_in_any_order_of_rows():
    table = pd.concat(
        [rows("ood_reasoning", [(0, f"{letter}.")]) for letter in "fedcbaf"], ignore_index=True
    )
    found = summary(table)["unknown_sentences"]
    assert found["different"] == 6
    assert (
        list(found["examples"].items())
        == [
            ("f.", 6),
            ("a.", 3),
            ("b.", 3),
            ("c.", 3),
            ("d.", 3),
        ][:EXAMPLES]
    )
    assert summary(table[::-1]) == summary(table)
