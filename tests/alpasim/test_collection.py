"""Metrics of a run: aggregated as Alpasim does it, each beside what it means."""

import json
import math

import pandas as pd
import pytest
from alpasim_factory import BOTH, OTHER_SCENE, SCENE, metrics_table, run_folder

from avvla.alpasim import aggregation
from avvla.alpasim.collection import collect
from avvla.errors import UserError
from avvla.results import rounded


def over_time(*arguments, **changed):
    return aggregation.over_time(metrics_table(*arguments, **changed))


def of(rollouts, scene=SCENE):
    return rollouts.xs(scene, level="clipgt_id").iloc[0].to_dict()


def test_a_drive_without_incidents():
    found = of(over_time(BOTH))
    assert found["dist_traveled_m"] == 90.0
    assert found["progress"] == 0.9
    assert found["offroad_or_collision"] == 0.0
    assert found["duration_frac_20s"] == pytest.approx(0.9 / 20)


def test_nothing_counts_after_the_first_incident():
    found = over_time(BOTH, collision_rear={(0, 3): 1.0}, collision_any={(0, 3): 1.0})
    assert of(found)["dist_traveled_m"] == 30.0
    assert of(found)["collision_any"] == 1.0  # the step itself stays
    assert of(found)["collision_at_fault"] == 0.0
    assert of(found, OTHER_SCENE)["dist_traveled_m"] == 90.0


def test_at_fault_is_front_or_lateral():
    for name in ("collision_front", "collision_lateral"):
        hit = {name: {(0, 3): 1.0}, "collision_any": {(0, 3): 1.0}}
        assert of(over_time(BOTH, **hit))["collision_at_fault"] == 1.0
    found = of(over_time(BOTH, offroad={(0, 5): 1.0}))
    assert (found["collision_at_fault"], found["offroad_or_collision_at_fault"]) == (0.0, 1.0)


def test_nothing_counts_far_from_the_recorded_path():
    found = over_time(BOTH, dist_to_gt_trajectory={(0, 4): 4.0, (1, 4): 3.999})
    assert of(found)["dist_traveled_m"] == 40.0
    assert of(found, OTHER_SCENE)["dist_traveled_m"] == 90.0


def test_a_black_image_takes_the_rollout_out():
    found = over_time(BOTH, img_is_black={(0, 9): 1.0})
    assert list(found.index.get_level_values("clipgt_id")) == [OTHER_SCENE]


def test_steps_before_the_hand_over_do_not_count():
    table = metrics_table(BOTH[:1], collision_any={(0, 1): 1.0})
    rows = table[table["name"] == "progress"].assign(name="eval_relevant", time_aggregation="last")
    rows["values"] = (rows["timestamps_us"] >= 300_000).astype(float)
    found = aggregation.over_time(pd.concat([table, rows]))
    assert of(found)["dist_traveled_m"] == 90.0


def test_the_mean_is_over_scenes_then_over_repetitions():
    repeated = [(SCENE, "r1"), (SCENE, "r2"), (OTHER_SCENE, "r3"), (OTHER_SCENE, "r4")]
    found = aggregation.over_rollouts(over_time(repeated, offroad={(0, 3): 1.0, (1, 6): 1.0}))
    value, deviation = found["dist_traveled_m"]
    assert value == pytest.approx((60.0 + 75.0) / 2)
    assert deviation == pytest.approx(15.0 / math.sqrt(2))
    # (30 + 90) m with one incident, (60 + 90) m with one
    assert found["avg_dist_between_incidents"][0] == pytest.approx((0.12 + 0.15) / 2)


def test_no_incident_is_an_infinite_distance():
    value, deviation = aggregation.over_rollouts(over_time(BOTH))["avg_dist_between_incidents"]
    assert math.isinf(value)
    assert deviation is None


def test_lists_of_steps_are_taken_apart():
    table = metrics_table(BOTH[:1])
    keys = [name for name in table if name not in ("timestamps_us", "values", "valid")]
    listed = table.fillna("").groupby(keys, sort=False).agg(list).reset_index()
    assert len(listed) < len(table)
    pd.testing.assert_frame_equal(aggregation.over_time(_explode(listed)), over_time(BOTH[:1]))


def _explode(table, path="table.parquet"):
    import tempfile
    from pathlib import Path

    with tempfile.TemporaryDirectory() as folder:
        table.to_parquet(Path(folder) / path)
        return aggregation.read(Path(folder) / path)


def test_an_older_run(evaluated):
    found = collect(evaluated, "public_2507")
    assert found["alpasim"]["version"] == "0.1.3"
    assert found["scenes"] == {
        "suite": "public_2507", "count": 1, "n_sim_steps": 200, "n_rollouts": 2,
        "rollouts": {"started": 2, "complete": 2, "evaluated": 2},
    }  # fmt: skip
    assert found["score"]["name"] == "avg_dist_between_incidents_at_fault"
    assert found["score"]["value"] == pytest.approx((0.05 + 0.09) / 1)
    assert "kilometres" in found["score"]["definition"]
    (violation,) = found["violations"]
    assert (violation["scene"], violation["metrics"]) == (SCENE, {"offroad": 1.0})
    assert "VideoLayout" in violation["videos"][0]
    assert found["metrics"]["progress"]["value"] == pytest.approx((0.5 + 0.9) / 2)
    json.dumps(rounded(found), allow_nan=False)
    assert collect(evaluated)["scenes"]["suite"] == "chosen scenes"


def test_a_newer_run(newest):
    found = collect(newest)
    score = found["score"]
    assert (score["name"], score["value"], score["rollouts"]) == ("scene_score", 0.5, 2)
    assert score["criteria"] == {"progress": 0.8}
    assert found["metrics"] == {
        "offroad": {"value": 0.0, "std_over_rollouts": 0.1}, "progress": {"value": 0.55},
    }  # fmt: skip
    (violation,) = found["violations"]
    assert violation["scene"] == OTHER_SCENE
    assert violation["metrics"] == {"collision_at_fault": 1.0}
    assert found["scenes"]["rollouts"] == {"started": 2, "complete": 2, "evaluated": 2}


def test_a_run_without_a_result(tmp_path):
    run = run_folder(tmp_path / "run", old=True)
    with pytest.raises(UserError, match=r"has no result .*`avvla alpasim up RUN --role sim`"):
        collect(run)


@pytest.mark.parametrize("content", ["", "[]", "{", '{"schema_version": 2, "rollouts": []}'])
def test_a_damaged_summary(newest, content):
    (newest / "aggregate/results-summary.json").write_text(content)
    with pytest.raises(UserError, match=r"results-summary.json (cannot be read|has the schema)"):
        collect(newest)


@pytest.mark.parametrize(
    ("edit", "told"),
    [
        (lambda table: table.drop(columns="values"), "has no column values"),
        (lambda table: table.assign(time_aggregation="mode"), "reduced over time by 'mode'"),
        (lambda table: table.assign(values="much"), "value is no number"),
        (
            lambda table: table.assign(
                values=table["values"].mask(table["name"] == "img_is_black", 1.0)
            ),
            "every image was black",
        ),
    ],
)
def test_a_table_of_another_kind(evaluated, edit, told):
    path = evaluated / "eval/metrics_unprocessed.parquet"
    edit(pd.read_parquet(path)).to_parquet(path)
    with pytest.raises(UserError, match=told):
        collect(evaluated)


def test_a_truncated_table(evaluated):
    path = evaluated / "eval/metrics_unprocessed.parquet"
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(UserError, match=r"metrics_unprocessed.parquet cannot be read"):
        collect(evaluated)
