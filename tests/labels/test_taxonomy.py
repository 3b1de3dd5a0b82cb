import pytest

from avvla.config import Label
from avvla.errors import UserError
from avvla.labels.taxonomy import COMMANDS, DIRECTIONS, LATERAL, LONGITUDINAL, TAXONOMY, command


def test_every_decision_of_the_paper_has_a_command_and_no_other():
    assert {entry.decision_longitudinal for entry in TAXONOMY} == set(LONGITUDINAL)
    assert {entry.decision_lateral for entry in TAXONOMY} == set(LATERAL)
    assert {entry.direction for entry in TAXONOMY} == set(DIRECTIONS)


def test_texts_are_unique_and_their_sides_are_the_directions():
    assert len(set(COMMANDS)) == len(TAXONOMY)
    for entry in TAXONOMY:
        for side in ("left", "right", "straight"):
            assert (side in entry.text) == (entry.direction == side)


def test_a_command_decides_something_and_only_once_an_axis():
    for entry in TAXONOMY:
        assert (entry.decision_longitudinal == "none") != (entry.decision_lateral == "none")


def test_lookup():
    assert command("Change lane left").decision_lateral == "lane change"
    assert command(Label().command).text == "Follow the lane"


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("turn left", "did you mean 'Turn left'"),
        ("Change lanes left", "did you mean 'Change lane left'"),
        ("xyz", "known are Follow the lane, Change lane left"),
        ("", "known are"),
    ],
)
def test_unknown_text_names_the_nearest(text, hint):
    with pytest.raises(UserError, match=f"unknown command {text!r}; {hint}"):
        command(text)
