"""Every sentence that `avvla.labels.directions` promises to read, and those it must not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avvla.labels.directions import NO_MANOEUVRE, direct
from avvla.labels.instruction import AMBIGUOUS, LIKELY, UNKNOWN
from avvla.labels.taxonomy import COMMANDS

READ = {
    "Turn left": [
        "Turn left",
        "In 50 m, turn left",
        "Turn left in 120 meters at the next junction.",
        "Drive through the unprotected left turn yielding to through traffic",
        "When the light turns green, make a left turn",
        "turn left, then go straight",
        "When you have the right of way, drive through the roundabout and take the third exit",
        "Take the 3rd exit",
        "Turn sharply left",
        "Turn to the left after the crossing",
    ],
    "Turn right": [
        "turn right at the lights",
        "Drive up to the roundabout and when you have the right of way turn right",
        "Drive straight up to the yield sign and take first exit from the roundabout",
        "Bear right",
        "Take the next right",
        "Yield to vehicles from the left and turn right",
        "TURN RIGHT",
    ],
    "Go straight": [
        "Drive straight for 200 m",
        "When the light turns green, drive over the tram tracks and then through the roundabout",
        "Drive straight through going around the parked truck and yield to the incoming traffic",
        "Take the second exit at the roundabout in 120 m",
        "Right before left: yield, then continue straight",
        "Cross over the intersection",
    ],
    "Change lane left": ["Change lanes to the left", "Move into the left lane", "Switch left lane"],
    "Change lane right": ["Change to the right lane in 300 m", "change lane to the right"],
    "Merge": [
        "Drive straight up to the stop sign and then merge with the moving traffic from the left",
        "Take the next exit",
        "Use the slip road",
    ],
    "Follow the lane": ["Follow the road for 2 km", "Stay in your lane", "Keep to the right lane"],
}


@pytest.mark.parametrize(
    ("text", "command"), [(text, command) for command, texts in READ.items() for text in texts]
)
def test_a_manoeuvre_is_a_command(text, command):
    found = direct(text)
    assert (found.command.text, found.confidence, found.reason) == (command, LIKELY, "")
    assert found.text == " ".join(text.split())


@pytest.mark.parametrize(
    "text",
    [
        "Turn right in 200 m, then turn left",
        "Change lanes to the left and turn right",
        "Take the first exit from the roundabout, then turn left",
        "Take the second exit, then turn left and merge",
    ],
)
def test_several_manoeuvres_are_ambiguous(text):
    found = direct(text)
    assert (found.command.text, found.confidence) == ("Follow the lane", AMBIGUOUS)


@pytest.mark.parametrize(
    "text",
    [
        "Follow the waypoints while adhering to traffic rules and regulations",
        "Drive straight up to the yield sign",
        "Yield to vehicles from the left",
        "Park on the right-hand side",
        "When the light turns green, drive over the tram tracks",
        "Turn around",
        "",
        "straightforward",
        "The bright leftover",
    ],
)
def test_no_manoeuvre_is_unknown_and_says_so(text):
    found = direct(text)
    assert (found.command.text, found.confidence) == ("Follow the lane", UNKNOWN)
    assert found.reason == NO_MANOEUVRE


@given(st.text(max_size=200))
def test_any_text_is_read(text):
    found = direct(text)
    assert found.command.text in COMMANDS
    found.text.encode()


WORDS = " ".join(text for texts in READ.values() for text in texts).split()


@given(st.lists(st.sampled_from(WORDS), max_size=30))
def test_any_order_of_words_is_read(words):
    assert direct(" ".join(words)).command.text in COMMANDS


@given(st.integers(1, 5000), st.sampled_from(["m", "meters", "km"]))
def test_distances_make_no_difference(distance, unit):
    assert direct(f"In {distance} {unit}, turn left").command == direct("Turn left").command
