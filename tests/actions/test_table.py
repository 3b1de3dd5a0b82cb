"""The action table: what a fit says comes back, invalid windows included."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from drives import drives

from avvla.actions.fit import fit_actions
from avvla.actions.table import SCHEMA, action_table, actions, fits, furthest, summary

T0_US = np.arange(5, dtype=np.int64) * 500_000


@pytest.fixture
def fit():
    """Five windows: the second has no pose at its end, the third is never driven on a road."""
    states, _ = drives("turn")
    states = states[:5].copy()
    states[1, 60:] = np.nan
    states[2, :, 1] += np.linspace(0, 900, 80)
    return fit_actions(states[..., :2], states[..., 2], states[..., 3], 0.1, "euler", 1.0)


def test_a_fit_comes_back_from_parquet(fit, tmp_path):
    pq.write_table(action_table("clip", T0_US, fit, "euler"), tmp_path / "a.parquet")
    table = pq.read_table(tmp_path / "a.parquet")
    assert table.schema.equals(SCHEMA)
    assert set(table["clip_id"].to_pylist()) == {"clip"}
    assert set(table["integrator"].to_pylist()) == {"euler"}
    np.testing.assert_array_equal(table["t0_us"].to_numpy(), T0_US)
    np.testing.assert_array_equal(actions(table), fit.action)
    for name in ("v0", "ade", "fde", "max_error", "valid"):
        np.testing.assert_array_equal(
            table[name].to_numpy(zero_copy_only=False), getattr(fit, name)
        )
    assert table["reason"].to_pylist() == fit.reason


def test_actions_of_a_part_of_a_table(fit):
    table = action_table("clip", T0_US, fit, "euler")
    np.testing.assert_array_equal(actions(table.slice(3, 2)), fit.action[3:])
    twice = pa.concat_tables([table, table])
    np.testing.assert_array_equal(actions(twice), np.concatenate([fit.action, fit.action]))
    assert actions(table.slice(0, 0)).shape == (0, 64, 2)


def test_the_summary_counts_all_and_measures_the_valid(fit):
    found = summary(action_table("clip", T0_US, fit, "euler"))
    assert (found["n"], found["valid"]) == (5, 3)
    assert {reason: n for reason, n in found["invalid"].items() if n} == {
        "too short": 1,
        "teleport": 1,
    }
    valid = [0, 3, 4]
    assert found["ade_mean"] == pytest.approx(fit.ade[valid].mean())
    assert found["fde_max"] == fit.fde[valid].max()


def test_the_summary_of_nothing_has_no_errors():
    found = summary(SCHEMA.empty_table())
    assert (found["n"], found["valid"], found["ade_mean"], found["fde_max"]) == (0, 0, None, None)


def test_the_furthest_rows_come_first_without_those_that_were_not_fitted(fit):
    table = action_table("clip", T0_US, fit, "euler")
    order = np.argsort(-np.nan_to_num(fit.max_error, nan=-1.0))[:3]
    assert furthest(table, 9)["t0_us"].to_pylist() == T0_US[order].tolist()
    assert furthest(table, 2)["t0_us"].to_pylist() == T0_US[order[:2]].tolist()
    twins = pa.concat_tables([action_table(clip, T0_US, fit, "euler") for clip in "ba"])
    assert furthest(twins, 2)["clip_id"].to_pylist() == ["a", "b"]


def test_a_fit_is_made_from_its_rows(fit):
    rows = furthest(action_table("clip", T0_US, fit, "euler"), 9)
    again, place = fits(rows), rows["t0_us"].to_numpy() // 500_000
    for name in ("v0", "action", "trajectory", "ade", "fde", "max_error", "valid"):
        np.testing.assert_array_equal(getattr(again, name), getattr(fit, name)[place])
    assert again.reason == [fit.reason[row] for row in place]
