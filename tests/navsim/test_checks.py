import numpy as np
import pytest
from score_tables import COMMIT, COMMIT_V2, one_stage, two_stages, v1

from avvla.errors import UserError
from avvla.navsim.scores import import_scores
from avvla.navsim.table import EP, NC, SCORE


def changed(table, row, column, value):
    table.loc[row, column] = value
    return table


@pytest.mark.parametrize(
    ("table", "version", "split", "told"),
    [
        (changed(v1(), 20, SCORE, 0.99), "v1.1", "navtest", "score of the row average is 0.990000"),
        (changed(v1(), 20, EP, 0.1), "v1.1", "navtest", "ego_progress of the row average is 0.1"),
        (changed(v1(), 3, SCORE, 0.999), "v1.1", "navtest", "scene000003 has the score 0.999000"),
        (changed(v1(), 3, NC, np.nan), "v1.1", "navtest", "scene000003 is valid and has no no_at"),
        (changed(one_stage(), 3, SCORE, 0.9999), "v2.2", "navtest", "scene000003 has the score"),
        (
            changed(two_stages(), 12, SCORE, 0.9),
            "v2.2",
            "navhard_two_stage",
            "row extended_pdm_score_stage_one is 0.9",
        ),
        (
            changed(two_stages(), 13, f"{EP}_stage_two", 1.0),
            "v2.2",
            "navhard_two_stage",
            "ego_progress_stage_two of the row extended_pdm_score_stage_two is 1.0",
        ),
        (
            changed(two_stages(), 14, f"{EP}_stage_one", 0.0),
            "v2.2",
            "navhard_two_stage",
            "ego_progress_stage_one of the row extended_pdm_score_combined is 0.0",
        ),
        (
            changed(two_stages(), 14, SCORE, 0.99),
            "v2.2",
            "navhard_two_stage",
            "extended_pdm_score_combined is 0.99, expected at most",
        ),
        (
            changed(two_stages(), 5, f"{NC}_stage_one", 1.0),
            "v2.2",
            "navhard_two_stage",
            "scene000005 is of both stages or of none",
        ),
    ],
)
@pytest.mark.usefixtures("small_splits")
def test_a_table_that_contradicts_itself_is_refused(scores_csv, table, version, split, told):
    commit = COMMIT if version == "v1.1" else COMMIT_V2
    with pytest.raises(UserError) as error:
        import_scores(scores_csv(table), version, split, commit)
    assert told in str(error.value)
