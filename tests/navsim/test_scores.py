import json

import pytest
import score_tables
from score_tables import COMMIT, COMMIT_V2, one_stage, text, two_stages, v1

from avvla.errors import UserError
from avvla.navsim import scores
from avvla.navsim.scores import Split, import_scores
from avvla.navsim.table import COMBINED, EC, EP, SCORE, TTC
from avvla.results import write_metrics


@pytest.fixture
def put(scores_csv, small_splits):
    return scores_csv


def test_the_real_splits_have_the_devkits_counts():
    assert scores.SPLITS["navtrain"] == Split(103288)
    assert scores.SPLITS["warmup_two_stage"] == Split(16, 204)


def test_a_whole_run_of_v1_gives_the_devkits_figure(put):
    table = v1()
    found = import_scores(put(table), "v1.1", "navtest", COMMIT)
    assert (found.metric, found.scenes, found.failed) == ("PDMS", 20, ())
    assert found.score == pytest.approx(table[SCORE][:20].mean())
    assert found.devkit_score == pytest.approx(found.score)
    assert found.means[EP] == pytest.approx(table[EP][:20].mean())
    assert found.filter_mended is None
    assert found.board.title == "PDMS on navtest, NAVSIM v1.1"


def test_a_failed_scene_counts_as_zero(put):
    table = v1(failed=5)
    found = import_scores(put(table), "v1.1", "navtest", COMMIT)
    assert found.failed == tuple(f"scene{i:06d}" for i in range(5))
    assert found.score == pytest.approx(table[SCORE][5:20].sum() / 20)
    assert found.devkit_score == pytest.approx(table[SCORE][5:20].mean())
    assert found.means[TTC] == pytest.approx(table[TTC][5:20].sum() / 20)


def test_one_stage_of_v2_does_without_a_frame_before(put):
    table = one_stage()
    found = import_scores(put(table), "v2.2", "navtest", COMMIT_V2)
    assert found.metric == "EPDMS"
    assert found.score == pytest.approx(table[SCORE][:20].mean())
    assert found.means[EC] == pytest.approx(table[EC][:20].mean(skipna=True))
    assert found.filter_mended is True
    assert "with the filter of 2025-09-29" in found.board.title


def test_a_devkit_from_before_the_filters_fix_is_recognised(put):
    table = one_stage()
    rows = table.index[:20][(table[SCORE][:20] > 0)][:3]
    table.loc[rows, SCORE] /= 2
    table.loc[20, SCORE] = table[SCORE][:20].mean()
    found = import_scores(put(table), "v2.2", "navtest", COMMIT_V2)
    assert found.filter_mended is False
    assert "before the filter of 2025-09-29" in found.board.title


def test_two_stages_have_the_devkits_combined_score(put):
    table = two_stages()
    found = import_scores(put(table), "v2.2", "navhard_two_stage", COMMIT_V2)
    assert found.scenes == 12
    assert found.score == pytest.approx(table.set_index("token")[SCORE][COMBINED])
    assert found.board.as_of == "2026-03"


def test_two_stages_with_a_failed_scene_have_no_score(put):
    table = two_stages()
    table.loc[1, "valid"] = False
    with pytest.raises(UserError, match="1 scenes failed, first scene000001, and extended_pdm"):
        import_scores(put(table), "v2.2", "navhard_two_stage", COMMIT_V2)
    table = two_stages()
    table.loc[table["token"] == COMBINED, "valid"] = False
    with pytest.raises(UserError, match="0 scenes failed, and extended_pdm_score_combined is not"):
        import_scores(put(table), "v2.2", "navhard_two_stage", COMMIT_V2)


@pytest.mark.parametrize(
    ("version", "split", "commit", "told"),
    [
        ("v2.0", "navtest", COMMIT, "--version is 'v2.0', expected v1.1 or v2.2"),
        ("v1.1", "navtst", COMMIT, "--split is 'navtst', expected navhard_two_stage or"),
        ("v1.1", "navtest", "3e8291b", "--commit is '3e8291b', expected 40 hexadecimal digits"),
        ("v1.1", "navtest", COMMIT_V2, "is of NAVSIM v2.2, but --version is v1.1"),
        ("v2.2", "navtest", COMMIT_V2, "was written by NAVSIM v1.1, but --version is v2.2"),
        ("v1.1", "navhard_two_stage", COMMIT, "navhard_two_stage has two stages"),
        ("v1.1", "navmini", COMMIT, "has 20 scenes, navmini has 396: the devkit leaves out"),
    ],
)
def test_a_score_of_something_else_is_refused(put, version, split, commit, told):
    with pytest.raises(UserError) as error:
        import_scores(put(v1()), version, split, commit)
    assert told in str(error.value)


def test_a_table_of_v2_given_as_v1_is_recognised(put):
    with pytest.raises(UserError, match=r"written by NAVSIM v2\.2, one stage, but --version is v1"):
        import_scores(put(one_stage()), "v1.1", "navtest", COMMIT)
    with pytest.raises(UserError, match=r"written by NAVSIM v2\.2, two stages, but --version is"):
        import_scores(put(two_stages()), "v1.1", "navtest", COMMIT)
    with pytest.raises(UserError, match="two stages, but the split navtest has one stage"):
        import_scores(put(two_stages()), "v2.2", "navtest", COMMIT_V2)


def test_scenes_that_were_left_out_are_missed(put):
    with pytest.raises(UserError, match="has 19 scenes, navtest has 20"):
        import_scores(put(v1(19)), "v1.1", "navtest", COMMIT)
    with pytest.raises(UserError, match=r"has 4 \+ 7 scenes, navhard_two_stage has 4 \+ 8"):
        import_scores(put(two_stages(4, 7)), "v2.2", "navhard_two_stage", COMMIT_V2)


def test_metrics_tell_what_the_score_is_of_and_have_the_same_bytes(put, tmp_path):
    path = put(v1(failed=1))
    for name in ("a.json", "b.json"):
        found = import_scores(path, "v1.1", "navtest", COMMIT)
        write_metrics(tmp_path / name, found.metrics())
    content = json.loads((tmp_path / "a.json").read_text())
    assert (content["version"], content["split"], content["commit"]) == ("v1.1", "navtest", COMMIT)
    assert content["failed_tokens"] == ["scene000000"]
    assert content["canaries"]["constant_velocity"] == 20.6
    assert content["canaries"]["human"] == 94.5
    assert content["leaderboard"]["as_of"] == "2026-06"
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()


def test_the_made_tables_are_as_the_devkit_writes_them():
    header = text(score_tables.v1()).splitlines()[0]
    assert header == (
        ",token,valid,no_at_fault_collisions,drivable_area_compliance,ego_progress,"
        "time_to_collision_within_bound,comfort,driving_direction_compliance,score"
    )
