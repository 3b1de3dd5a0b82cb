import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avvla.labels.coc import NO_SIDE, NO_VERB, parse
from avvla.labels.instruction import CERTAIN, UNKNOWN
from avvla.labels.taxonomy import COMMANDS

# The three columns of the taxonomy: the paper's decision, the auto-labeller's prompt, the command.
DECISIONS = [
    ("Set speed tracking", "Follow the lane"),
    ("Resume speed", "Speed up"),
    ("Maintain speed", "Follow the lane"),
    ("Speed up", "Speed up"),
    ("Lead obstacle following", "Follow the vehicle ahead"),
    ("Keep distance", "Follow the vehicle ahead"),
    ("Follow the vehicle ahead", "Follow the vehicle ahead"),
    ("Speed adaptation", "Slow down"),
    ("Adapt speed", "Slow down"),
    ("Slow down for the curve", "Slow down"),
    ("Slow down for the bump", "Slow down"),
    ("Gap-searching", "Adjust speed for a gap"),
    ("Gap-search", "Adjust speed for a gap"),
    ("Adjust speed for a gap", "Adjust speed for a gap"),
    ("Acceleration for passing", "Speed up to overtake"),
    ("Pass/Overtake", "Speed up to overtake"),
    ("Pass", "Speed up to overtake"),
    ("Overtake", "Speed up to overtake"),
    ("Speed up to overtake", "Speed up to overtake"),
    ("Yield", "Yield"),
    ("Yield to the cyclist", "Yield"),
    ("Stop for static constraints", "Stop"),
    ("Stop", "Stop"),
    ("Stop at the light", "Stop"),
    ("Stop at the sign", "Stop"),
    ("Stop at the line", "Stop"),
    ("Lane keeping", "Follow the lane"),
    ("Keep lane", "Follow the lane"),
    ("Follow the lane", "Follow the lane"),
    ("Merge", "Merge"),
    ("Split", "Merge"),
    ("Take the exit", "Merge"),
    ("Out-of-lane nudge to the left", "Go around on the left"),
    ("In-lane nudge to the right", "Nudge right"),
    ("Nudge left", "Nudge left"),
    ("Nudge right", "Nudge right"),
    ("Lane change left", "Change lane left"),
    ("Change lane right", "Change lane right"),
    ("Turn left", "Turn left"),
    ("Turn right", "Turn right"),
    ("Pull-over", "Pull over"),
    ("Pull over", "Pull over"),
    ("Abort", "Abort the lane change"),
    ("Abort lane change", "Abort the lane change"),
]

# The verbs seen in published samples, with sides in the cause that must not be read.
# Columns: text, command, object, cause.
SENTENCES = [
    (
        "Stop for the red light since the left lane is blocked.",
        "Stop",
        "traffic light",
        "the left lane is blocked",
    ),
    ("Yield to the van that comes from the left.", "Yield", "vehicle", "the van that comes from"),
    (
        "Nudge left to clear the cones on the right.",
        "Nudge left",
        "cone",
        "clear the cones on the right",
    ),
    (
        "Nudge to the right because of the trailer on the left",
        "Nudge right",
        "vehicle",
        "the trailer on the left",
    ),
    (
        "Nudge left over the line to pass the parked car on the right.",
        "Go around on the left",
        "parked vehicle",
        "pass the parked car on the right",
    ),
    (
        "Change lanes to the left due to the closed right lane",
        "Change lane left",
        "lane",
        "the closed right lane",
    ),
    (
        "Lane change to the right since the exit is near.",
        "Change lane right",
        "",
        "the exit is near",
    ),
    (
        "Change to the left lane because the truck is slow",
        "Change lane left",
        "vehicle",
        "the truck is slow",
    ),
    (
        "Turn right because the route goes to the left of the church.",
        "Turn right",
        "route",
        "the route goes to the left of the church",
    ),
    (
        "Turn at the next junction to the left because of the route",
        "Turn left",
        "intersection",
        "the route",
    ),
    ("Make a left turn: the right is closed", "Turn left", "", "the right is closed"),
    (
        "Keep distance to the lead vehicle because it slows for the red light.",
        "Follow the vehicle ahead",
        "lead vehicle",
        "it slows for the red light",
    ),
    (
        "Maintain a safe distance as the bus ahead brakes",
        "Follow the vehicle ahead",
        "vehicle ahead",
        "the bus ahead brakes",
    ),
    (
        "Follow the lead car since it goes on",
        "Follow the vehicle ahead",
        "lead vehicle",
        "it goes on",
    ),
    ("Maintain since the road is clear.", "Follow the lane", "", "the road is clear"),
    ("Accelerate because the light is green", "Speed up", "traffic light", "the light is green"),
    (
        "Accelerate to overtake the cyclist on the right",
        "Speed up to overtake",
        "cyclist",
        "",
    ),
    ("Adapt speed for the left curve ahead", "Slow down", "curve", "the left curve ahead"),
    (
        "Adapt speed for a gap since the right lane ends",
        "Adjust speed for a gap",
        "lane",
        "the right lane ends",
    ),
    (
        "Decelerate because pedestrians wait at the crosswalk.",
        "Slow down",
        "pedestrian",
        "pedestrians wait at the crosswalk",
    ),
    (
        "Slow down to keep distance to the lead vehicle",
        "Slow down",
        "lead vehicle",
        "keep distance to the lead vehicle",
    ),
    (
        "Resume since the stop sign is behind us",
        "Speed up",
        "stop sign",
        "the stop sign is behind us",
    ),
    ("Keep lane — clear ahead", "Follow the lane", "", "clear ahead"),
    ("“Stop to yield to the pedestrian.”", "Stop", "pedestrian", "yield to the pedestrian"),
    ("  STOP\n because  of it ", "Stop", "", "it"),
]

NO_COMMANDS = [
    ("", NO_VERB),
    ("The light is red, stop.", NO_VERB),
    ("Stopping distances matter", NO_VERB),
    ("Zigzag left", NO_VERB),
    ("Nudge away from the truck on the left", NO_SIDE),
    ("Turn because the route goes to the left", NO_SIDE),
    ("Change lane from left to right", NO_SIDE),
    ("Nudge past the parked car on the left", NO_SIDE),
    ("Lane change to pass the truck on the right", NO_SIDE),
    ("Turn at the fork to the left or to the right", NO_SIDE),
]


@pytest.mark.parametrize(("text", "command"), DECISIONS)
def test_every_decision_of_the_taxonomy(text, command):
    for sentence in (text, text.lower(), f"{text} because the road on the left ends."):
        one = parse(sentence)
        assert (one.command.text, one.confidence, one.reason) == (command, CERTAIN, "")


@pytest.mark.parametrize(("text", "command", "named", "cause"), SENTENCES)
def test_sentences(text, command, named, cause):
    one = parse(text)
    assert (one.command.text, one.object) == (command, named)
    assert one.cause.startswith(cause)
    assert bool(one.cause) == bool(cause)
    assert one.confidence == CERTAIN
    assert one.text == " ".join(text.split())


@pytest.mark.parametrize(("text", "reason"), NO_COMMANDS)
def test_no_command_is_the_lane_with_confidence_0(text, reason):
    one = parse(text)
    assert (one.command.text, one.confidence, one.reason) == ("Follow the lane", UNKNOWN, reason)
    assert (one.object, one.cause, one.text) == ("", "", text)


@pytest.mark.parametrize("text", COMMANDS)
def test_commands_are_themselves(text):
    assert parse(text).command.text == parse(f"{text}.").command.text == text


@given(st.sampled_from(COMMANDS), st.text("abc left right.,", min_size=1).map(str.strip))
def test_sides_in_the_cause_do_not_change_the_command(text, cause):
    one = parse(f"{text} because {cause}.")
    assert one.command.text == text
    assert one.cause == " ".join(cause.split()).strip(" .")


SENTENCE_OF_CLAUSES = st.lists(
    st.sampled_from(["nudge", "turn", "lane change", "left", "to the right", "out of the lane"])
    | st.sampled_from(["because", "since", "to", "for", "-", "—", ",", "the lead vehicle"])
).map(" ".join)


@given(st.text() | SENTENCE_OF_CLAUSES)
def test_any_text_is_an_instruction(text):
    one = parse(text)
    assert one.command.text in COMMANDS
    assert (one.confidence == UNKNOWN) == bool(one.reason)
    assert parse(one.text) == one
    one.text.encode()


def test_text_that_no_file_can_hold():
    one = parse("Stop because \ud83d" + json.loads('"\\ude00"'))
    assert one.command.text == "Stop"
    assert one.text.encode()


def test_long_texts_take_no_time():
    assert parse("nudge " + "slightly to the " * 20_000).reason == NO_SIDE
    assert parse("follow the " + "a " * 50_000).reason == NO_VERB
