import csv
import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from score_tables import one_stage, text, two_stages, v1

from avvla.errors import UserError
from avvla.navsim.table import EP, SCORE, read_table


@pytest.fixture
def put(tmp_path):
    def write(content):
        path = tmp_path / "scores.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


@pytest.mark.parametrize(
    ("table", "what", "scenes"),
    [
        (v1(), "NAVSIM v1.1", 20),
        (one_stage(), "NAVSIM v2.2, one stage", 20),
        (two_stages(), "NAVSIM v2.2, two stages", 12),
    ],
)
def test_each_table_is_known_by_its_columns(put, table, what, scenes):
    found = read_table(put(text(table)))
    assert found.layout.what == what
    assert len(found.token) == scenes
    np.testing.assert_array_equal(found.value[SCORE], table[SCORE][:scenes])


def test_the_order_of_columns_and_of_rows_does_not_matter(put):
    table = v1()
    turned = table[table.columns[::-1]].iloc[::-1]
    found = read_table(put(text(turned)))
    assert sorted(found.token) == sorted(table["token"][:20])
    assert found.summary["average"][EP] == pytest.approx(table[EP][:20].mean())


def test_a_failed_scene_is_empty(put):
    found = read_table(put(text(v1(failed=2))))
    assert found.valid.tolist() == [False] * 2 + [True] * 18
    assert np.isnan(found.value[SCORE][:2]).all()


GOOD = text(v1(3))
LINES = GOOD.splitlines()


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("", "expected scores of NAVSIM"),
        ("a,b\n1,2\n", "has the columns 'a, b', expected scores of NAVSIM"),
        (b"\xff\xfe\x00", "cannot be read as CSV"),
        (GOOD.replace("comfort", "confort", 1), "lacks comfort (did 'confort' replace it?)"),
        (GOOD.replace(",score", ",comfort", 1), "has a column twice"),
        ("\n".join(LINES[:-1]), "has no row 'average', which the devkit writes last"),
        (GOOD[: GOOD.rindex(",")], "line 5 has 9 cells, expected the 10 of its header"),
        ("\n".join([*LINES, LINES[1]]), "line 6: the token 'scene000000' is empty or comes twice"),
        (GOOD.replace("True", "yes", 1), "line 2: valid is 'yes', expected True or False"),
        (GOOD.replace("scene000001", "", 1), "line 3: the token '' is empty"),
        (GOOD.replace("True,", "True,inf,", 1), "line 2 has 11 cells"),
        ('"' + GOOD, "cannot be read as CSV"),
    ],
)
def test_a_file_that_is_no_table_is_told(put, content, told):
    with pytest.raises(UserError) as error:
        read_table(put(content))
    assert told in " ".join(str(error.value).split())


@pytest.mark.parametrize("cell", ["nan", "inf", "-inf", "-0.1", "1.1", "0,5", "x", "1e999"])
def test_a_cell_that_is_no_score_is_told(put, cell):
    rows = list(csv.reader(io.StringIO(GOOD)))
    rows[2][-1] = cell
    buffer = io.StringIO()
    csv.writer(buffer).writerows(rows)
    with pytest.raises(UserError, match=r"line 3: score is .*, expected a number from 0 to 1"):
        read_table(put(buffer.getvalue()))


def test_a_missing_file_and_a_folder_are_told(tmp_path):
    with pytest.raises(UserError, match="does not exist"):
        read_table(tmp_path / "no.csv")
    with pytest.raises(UserError, match="cannot be read"):
        read_table(tmp_path)


@pytest.mark.parametrize("whole", [text(v1(4, 1)), text(one_stage(4)), text(two_stages(2, 2))])
@given(data=st.data())
def test_whatever_is_changed_ends_in_a_table_or_a_sentence(tmp_path_factory, whole, data):
    path = tmp_path_factory.mktemp("fuzz") / "scores.csv"
    begin = data.draw(st.integers(0, len(whole)))
    end = data.draw(st.integers(begin, min(begin + 40, len(whole))))
    new = data.draw(st.text(max_size=12))
    path.write_text(whole[:begin] + new + whole[end:], "utf-8", "surrogatepass", newline="")
    try:
        found = read_table(path)
    except UserError as error:
        assert str(path) in str(error)  # noqa: PT017  # either may come
        return
    for value in found.value.values():
        assert value.shape == (len(found.token),)
        assert (np.isnan(value) | ((value >= 0) & (value <= 1 + 1e-6))).all()


@given(st.binary(max_size=200))
def test_bytes_that_are_no_table_end_in_a_sentence(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("fuzz") / "scores.csv"
    path.write_bytes(content)
    with pytest.raises(UserError):
        read_table(path)
