import numpy as np

from avvla.evaluation import curves
from avvla.evaluation.judges import JUDGED


def test_curves_are_tables_that_dvc_plots(tmp_path, drives):
    distance = np.tile(np.arange(64.0), (3, 1))
    curves.write(tmp_path, {"agent": distance, "blind": 2 * distance}, {"agent": drives["agent"]})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["agent.tsv", "displacement.tsv"]
    header, first, second, *rest = (tmp_path / "displacement.tsv").read_text().splitlines()
    assert header == "time_s\tagent\tblind"
    assert (first, second, len(rest)) == ("0.1\t0\t0", "0.2\t1\t2", 62)
    header, *rows = (tmp_path / "agent.tsv").read_text().splitlines()
    assert header == "family\tsuccess\toff_road\tcollision"
    assert [row.split("\t")[0] for row in rows] == list(JUDGED)
    assert all(0 <= float(cell) <= 1 for row in rows for cell in row.split("\t")[1:])
