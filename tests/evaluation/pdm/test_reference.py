"""Every reference case of NAVSIM's devkit, where they are at hand."""

import json
from pathlib import Path

import numpy as np
import pytest

from avvla.evaluation.pdm import comfort
from avvla.evaluation.pdm.case import Drive, Pair, Scene, checked
from avvla.evaluation.pdm.collision import at_fault, time_to_collision
from avvla.evaluation.pdm.scores import Scorer
from avvla.evaluation.pdm.tracker import interpolate, profile, track

CASES = Path(__file__).parents[4] / "shared/cases/navsim"
POSITION_M, SCORE = 1e-4, 1e-3
FRAGILE = {"027_edge_in"}
"""Decided by the last bit, see the cases' MANIFEST.json."""

pytestmark = pytest.mark.skipif(not CASES.is_dir(), reason="NAVSIM's reference cases are not here")


def load(name):
    found = json.loads((CASES / f"{name}.json").read_text())
    return found.get("cases") or found["pairs"]


def pairs(inputs, reference):
    if not CASES.is_dir():
        return []
    return [
        pytest.param(given, wanted, id=given["id"])
        for given, wanted in zip(load(inputs), load(reference), strict=True)
    ]


def assert_same_way(ours, theirs):
    theirs = np.array(theirs)
    assert np.abs(ours[:, :2] - theirs[:, :2]).max() < POSITION_M
    turned = ours[:, 2] - theirs[:, 2]
    assert np.abs(np.arctan2(np.sin(turned), np.cos(turned))).max() < 1e-4
    np.testing.assert_allclose(ours[:, 3:], theirs[:, 3:], atol=1e-4)


def assert_same_scores(ours, theirs):
    for name, value in theirs.items():
        assert ours[name] == pytest.approx(value, abs=SCORE), name


def found_flags(states, variant):
    flags = comfort.flags(comfort.signals(states[None], variant))
    return {name: bool(value[0]) for name, value in flags.items()}


@pytest.mark.parametrize(("given", "wanted"), pairs("scene_inputs", "scene_reference_v2.2"))
def test_epdms(given, wanted):
    scene = checked(Scene, given)
    scorer = Scorer(scene, "epdms_v2.2")
    scored = scorer.score(scene.prediction)
    assert_same_way(scored.plan[0], wanted["prediction_interpolated_xyh"])
    assert_same_way(scored.states[0], wanted["prediction_simulated_states"])
    assert found_flags(scored.states[0], "epdms_v2.2") == wanted["comfort_flags_no_history"]
    if given["id"] not in FRAGILE:
        assert_same_scores(scored.scores[0], wanted["scores"])
    if wanted.get("scores_human_filter"):
        assert_same_scores(scored.filtered[0], wanted["scores_human_filter"])
    areas = scorer._road.areas(scored.states)
    for name, indices in wanted["internals"]["ego_areas_pred"].items():
        assert np.flatnonzero(getattr(areas, name)[0]).tolist() == indices
    _, (collision,) = at_fault(scored.states, areas, scorer._seen)
    _, (ttc,) = time_to_collision(scored.states, areas, scorer._seen, 32)
    assert collision == wanted["internals"]["collision_time_idx"][1]
    assert ttc == wanted["internals"]["ttc_time_idx"][1]


@pytest.mark.parametrize(("given", "wanted"), pairs("scene_inputs", "scene_reference_v1.1"))
def test_pdms(given, wanted):
    scene = checked(Scene, given)
    scored = Scorer(scene, "pdms_v1.1").score(scene.prediction)
    assert_same_scores(scored.scores[0], wanted["scores"])
    assert found_flags(scored.states[0], "pdms_v1.1") == wanted["comfort_flags"]


@pytest.mark.parametrize(("given", "wanted"), pairs("simulator_inputs", "simulator_reference"))
def test_tracker(given, wanted):
    drive = checked(Drive, given)
    start, plan = drive.ego.state(), drive.prediction
    path = interpolate(start[:3], plan.array()[None], plan.interval_s)
    speed, curvature = profile(path)
    np.testing.assert_allclose(speed[0], wanted["lqr_velocity_profile"], atol=1e-6)
    np.testing.assert_allclose(curvature[0], wanted["lqr_curvature_profile"], atol=1e-6)
    assert_same_way(track(start, path)[0], wanted["simulated_states"])


@pytest.mark.parametrize(
    ("given", "wanted"), pairs("extended_comfort_inputs", "extended_comfort_reference")
)
def test_extended_comfort(given, wanted):
    pair, states = checked(Pair, given), []
    for drive in (pair.previous, pair.current):
        start, plan = drive.ego.state(), drive.prediction
        path = interpolate(start[:3], plan.array()[None], plan.interval_s)
        states.append(track(start, path)[0])
    rms, within = comfort.extended(*states, pair.gap_s)
    assert rms == pytest.approx(wanted["rms"], abs=1e-6)
    assert within == wanted["extended_comfort"]
