import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from avvla.errors import UserError
from avvla.labels.scenario import instructions, parse
from avvla.labels.taxonomy import COMMANDS

EVENTS = [
    (2_000_000, "Turn left because the route goes to the left."),
    (-500_000, "Follow the lane because nothing else was asked."),
    (6_000_000, "Follow the lane"),
]


def test_the_last_event_at_or_before_t0_is_in_force():
    t0_us = np.array([-500_000, 1_999_999, 2_000_000, 5_000_000, 9_000_000])
    texts = [one.command.text for one in instructions("c1", EVENTS, t0_us)]
    assert texts == ["Follow the lane"] * 2 + ["Turn left"] * 2 + ["Follow the lane"]


def test_command_object_and_cause():
    one = parse("Turn left because the route goes to the left.")
    assert (one.command.text, one.object, one.cause) == (
        "Turn left",
        "route",
        "the route goes to the left",
    )
    one = parse("Slow down because the lead vehicle brakes because of a pedestrian.")
    assert one.object == "lead vehicle"
    assert one.cause == "the lead vehicle brakes because of a pedestrian"
    one = parse("Stop.")
    assert (one.command.text, one.object, one.cause) == ("Stop", "", "")


@given(st.sampled_from(COMMANDS), st.text("abc left right.,", min_size=1).map(str.strip))
def test_sides_in_the_cause_do_not_change_the_command(text, cause):
    assert parse(f"{text} because {cause}.").command.text == text


@given(st.text(max_size=60))
def test_any_text_parses_or_is_refused(text):
    try:
        assert parse(text).command.text in COMMANDS
    except UserError:
        assert not text.strip().startswith(tuple(f"{known} because " for known in COMMANDS))


def test_unknown_text_names_clip_and_text():
    with pytest.raises(UserError, match=r"clip c1: unknown command 'Trun left'; did you mean"):
        instructions("c1", [(0, "Trun left because of this.")], np.array([0]))


def test_no_command_yet():
    with pytest.raises(UserError, match="clip c1 has no command at -600000 us: the first event"):
        instructions("c1", EVENTS, np.array([0, -600_000]))
    with pytest.raises(UserError, match=r"it has no events; use label\.source kinematic or fixed"):
        instructions("c1", [], np.array([0]))


def test_no_t0():
    assert instructions("c1", [], np.array([], np.int64)) == []
