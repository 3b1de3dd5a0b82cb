import pytest

from avvla.evaluation import verdict
from avvla.evaluation.intervals import wilson
from avvla.evaluation.judges import JUDGED
from avvla.evaluation.verdict import AIMS

OPEN_LOOP = {"ade_6.4s": 1.234, "constant_velocity": {"ade_6.4s": 5.0}}


def closed_loop(success, blind=0.0):
    def families(rate):
        return {"families": {family: {"success": rate, "n": 40} for family in JUDGED}}

    own = families(1.0)
    for family, rate in success.items():
        own["families"][family]["success"] = rate
    return {**own, "blind": families(blind), "constant_velocity": families(0.0)}


def test_every_judged_family_has_an_aim_in_the_order_of_the_report():
    assert tuple(AIMS) == JUDGED
    assert all(0 < aim.success <= 1 for aim in AIMS.values())


@pytest.mark.parametrize(
    ("success", "word"),
    [(0.95, "drives"), (1.0, "drives"), (0.925, "in part"), (0.475, "in part"), (0.45, "fails")],
)
def test_the_word_depends_on_the_aim(success, word):
    verdicts = verdict.judge(closed_loop({"lane_keeping": success}))
    assert verdicts[0].family == "lane_keeping"
    assert verdicts[0].word == word


def test_headline_counts():
    every = verdict.judge(closed_loop({}))
    assert "in all 13 scenario families" in verdict.headline(every)
    none = verdict.judge(closed_loop(dict.fromkeys(JUDGED, 0.1)))
    assert "in none of 13 scenario families" in verdict.headline(none)
    some = verdict.judge(closed_loop({"lead": 0.5, "turn": 0.0}))
    assert "in 11 of 13 scenario families" in verdict.headline(some)


def test_without_a_closed_loop_the_plans_are_all_there_is():
    assert verdict.headline([]) == "The agent's plans, compared with recordings."
    told = verdict.sentences([], {"ade_6.4s": 1.0, "constant_velocity": {"ade_6.4s": 2.0}})
    assert len(told) == 2
    assert "not driven in closed loop (evaluate.roads is 0)" in told[0]
    assert "1.00 m" in told[1]


def test_sentences_say_what_drives_what_fails_and_by_how_much():
    verdicts = verdict.judge(closed_loop({"lead": 0.5, "turn": 0.2}))
    text = [line.replace(verdict.GAP, " ") for line in verdict.sentences(verdicts, OPEN_LOOP)]
    assert text[0].startswith("Drives: lane keeping (100 %); lane keeping, tight (100 %); stop")
    assert text[1] == "Drives in part: lead vehicle (50 %, aim 60 %)."
    assert text[2] == "Fails: turn (20 %, aim 50 %)."
    assert text[3].startswith("The camera picture is used in closed loop: in its lane on 100 %")
    assert "1.23 m" in text[4]
    assert "5.00 m" in text[4]


def test_a_blind_twin_that_drives_as_well_is_told():
    verdicts = verdict.judge(closed_loop({}, blind=0.9))
    assert "makes no clear difference" in verdict.sentences(verdicts, OPEN_LOOP)[-2]


def test_wilson_interval_of_known_cases():
    # Newcombe 1998, table I: 81 of 263 and 0 of 20.
    assert wilson(81 / 263, 263) == pytest.approx((0.2553, 0.3662), abs=1e-4)
    assert wilson(0.0, 20) == pytest.approx((0.0, 0.1611), abs=1e-4)
    assert wilson(1.0, 20) == pytest.approx((0.8389, 1.0), abs=1e-4)


@pytest.mark.parametrize(
    ("share", "text"),
    [(1.0, "100 %"), (0.996, "> 99 %"), (0.975, "98 %"), (0.001, "< 1 %"), (0.0, "0 %")],
)
def test_percent_rounds_nothing_to_perfection(share, text):
    assert verdict.percent(share).replace(verdict.GAP, " ") == text


def test_a_length_that_is_not_finite_is_a_dash():
    assert verdict.metres(None) == verdict.ABSENT
    assert verdict.metres(0.126) == "0.13"
