import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from avvla.errors import UserError
from avvla.labels.coc import NO_VERB
from avvla.labels.directions import NO_MANOEUVRE
from avvla.labels.events import (
    BEFORE_FIRST,
    EXPLAINED_US,
    NOT_ANNOTATED,
    OVER,
    directed,
    explained,
    told,
)
from avvla.labels.instruction import CERTAIN, LIKELY, UNKNOWN

EVENTS = [
    (2_000_000, "Turn left because the route goes to the left."),
    (-500_000, "Follow the lane because nothing else was asked."),
    (6_000_000, "Follow the lane"),
]


def test_the_last_event_at_or_before_t0_is_in_force():
    t0_us = np.array([-500_000, 1_999_999, 2_000_000, 5_000_000, 9_000_000])
    wanted = ["Follow the lane"] * 2 + ["Turn left"] * 2 + ["Follow the lane"]
    for found in (told("c1", EVENTS, t0_us), explained(EVENTS, t0_us)):
        assert [one.command.text for one in found] == wanted
        assert {one.confidence for one in found} == {CERTAIN}


def test_an_event_is_told_for_ever_and_explains_its_window():
    t0_us = np.array([EXPLAINED_US, EXPLAINED_US + 1])
    events = [(0, "Stop because the light is red.")]
    assert [one.command.text for one in told("c1", events, t0_us)] == ["Stop", "Stop"]
    assert [one.command.text for one in explained(events, t0_us)] == ["Stop", "Follow the lane"]


def test_what_explains_nothing_is_the_lane_with_confidence_0_and_a_reason():
    events = [(1_000_000, "Turn left."), (2_000_000, "Sing and dance.")]
    found = explained(events, np.array([0, 1_000_000, 2_000_000, 9_000_000]))
    assert [one.reason for one in found] == [BEFORE_FIRST, "", NO_VERB, OVER]
    assert [one.confidence for one in found] == [UNKNOWN, CERTAIN, UNKNOWN, UNKNOWN]
    assert [one.command.text for one in found] == [
        "Follow the lane",
        "Turn left",
        "Follow the lane",
        "Follow the lane",
    ]
    assert [one.text for one in found] == ["", "Turn left.", "Sing and dance.", ""]
    assert [one.reason for one in explained([], np.array([0]))] == [NOT_ANNOTATED]


@given(st.lists(st.tuples(st.integers(-(2**63), 2**63 - 1), st.text()), max_size=4))
def test_any_events_explain_every_t0(events):
    t0_us = np.array([-5_000_000, 0, 20_000_000])
    assert len(explained(events, t0_us)) == len(t0_us)


def test_an_unknown_text_names_clip_and_text():
    with pytest.raises(UserError, match=r"clip c1: no known verb in the event 'Trun left', exp"):
        told("c1", [(0, "Trun left")], np.array([0]))


def test_no_command_yet():
    with pytest.raises(UserError, match="clip c1 has no command at -600000 us: the first event"):
        told("c1", EVENTS, np.array([0, -600_000]))
    with pytest.raises(UserError, match=r"it has no events; use label\.source kinematic or fixed"):
        told("c1", [], np.array([0]))


def test_no_t0():
    assert told("c1", [], np.array([], np.int64)) == []
    assert explained([], np.array([], np.int64)) == []


def test_an_instruction_holds_until_the_next_one():
    events = [(3_000_000, "Sing and dance"), (0, "In 50 m, turn left")]
    found = directed(events, np.array([-1, 0, 2_999_999, 3_000_000, 60_000_000]))
    assert [one.command.text for one in found] == [
        "Follow the lane",
        "Turn left",
        "Turn left",
        "Follow the lane",
        "Follow the lane",
    ]
    assert [one.reason for one in found] == [BEFORE_FIRST, "", "", NO_MANOEUVRE, NO_MANOEUVRE]
    assert [one.confidence for one in found] == [UNKNOWN, LIKELY, LIKELY, UNKNOWN, UNKNOWN]
    assert [one.reason for one in directed([], np.array([0]))] == [NOT_ANNOTATED]
