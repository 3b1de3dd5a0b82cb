from xml.etree import ElementTree

import numpy as np
import pyarrow as pa
import pytest
from drives import drives
from factory import data_set, recordings

from avvla.actions.fit import T0, fit_actions
from avvla.actions.table import action_table, furthest
from avvla.evaluation.fits import WINDOWS, examples_of, read_examples, sheet
from avvla.physical_ai.reader import Clips

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def windows():
    """Fifteen windows: one that cannot be fitted, one that no vehicle drives."""
    states = np.concatenate([drives("turn", 10)[0], drives("stop", 5)[0]])
    states[3, 50] = np.nan
    states[7, :, 1] += np.linspace(0, 1, 80) ** 8 * 20
    return states[..., :2], states[..., 2], states[..., 3]


def made(windows):
    fit = fit_actions(*windows, 0.1, "euler", 1.0)
    titles = [f"clip <{i}>" for i in range(len(windows[0]))]
    return fit, examples_of(titles, *windows, fit, "euler")


def test_the_worst_come_first_and_what_was_not_fitted_not_at_all(windows):
    fit, examples = made(windows)
    assert len(examples) == WINDOWS
    errors = [example.error_m for example in examples]
    assert errors == sorted(errors, reverse=True)
    assert errors[0] == np.nanmax(fit.max_error)
    assert examples[0].title.startswith("clip <7>: ADE ")
    assert examples[0].title.endswith(fit.reason[7])
    assert not any("<3>" in example.title for example in examples)


def test_an_example_holds_both_paths_in_the_local_frame(windows):
    fit, examples = made(windows)
    for example in examples:
        number = int(example.title.split("<")[1].split(">")[0])
        assert example.recorded.shape == example.fitted.shape == (65, 4)
        np.testing.assert_allclose(example.recorded[0, :3], 0, atol=1e-12)
        np.testing.assert_array_equal(example.recorded[:, 3], windows[2][number, T0:])
        np.testing.assert_array_equal(example.fitted[1:, :3], fit.trajectory[number])
        np.testing.assert_array_equal(example.curvature, fit.action[number, :, 1])


def test_the_sheet_has_three_charts_a_window_and_the_same_bytes(windows):
    _, examples = made(windows)
    text = sheet(examples)
    assert text == sheet(made(windows)[1])
    root = ElementTree.fromstring(text)
    assert len(root.findall(f"{SVG}g")) == 3 * WINDOWS
    assert len(list(root.iter(f"{SVG}polyline"))) == 6 * WINDOWS
    assert [node.text for node in root.findall(f"{SVG}text")] == [e.title for e in examples]


def test_standstill_and_nothing_can_be_drawn():
    still = np.zeros((1, 80, 2)), np.zeros((1, 80)), np.zeros((1, 80))
    _, examples = made(still)
    ElementTree.fromstring(sheet(examples))
    ElementTree.fromstring(sheet([]))


def test_examples_are_read_again_from_tables_and_logs(tmp_path):
    clips = Clips(data_set(tmp_path, recordings(2)), tmp_path)
    tables, examples = [], []
    for clip_id in clips.clip_ids(0):
        t0_us = clips.t0_grid(clip_id, 2.0, 0.5)
        motion = clips.ego_windows(clip_id, t0_us)
        fit = fit_actions(*motion, 0.1, "euler", 1.0)
        tables.append(action_table(clip_id, t0_us, fit, "euler"))
        titles = [f"{clip_id}, t0 {t0 / 1e6:.1f} s" for t0 in t0_us]
        examples += examples_of(titles, *motion, fit, "euler")
    found = read_examples(furthest(pa.concat_tables(tables), 3), clips)
    examples.sort(key=lambda example: (-example.error_m, example.title))
    assert sheet(found) == sheet(examples[:3])
