import pytest

from avvla.errors import UserError
from avvla.evaluation.inputs import hashes, read_curve, read_metrics

LOCK = """\
schema: '2.0'
stages:
  report:
    outs:
    - {path: results/report.html, md5: ffff, size: 1}
  train:
    outs:
    - {path: models/field_agent, md5: 0011.dir, size: 2210000, nfiles: 9}
  download:
    outs:
    - {path: data/manifest.json, md5: '2233', size: 12345}
"""


def test_hashes_of_the_stages_before_the_report_in_order(tmp_path):
    lock = tmp_path / "dvc.lock"
    assert hashes(lock) == []
    lock.write_text(LOCK)
    assert hashes(lock) == [
        ("download", "data/manifest.json", "2233", "0.01 MB"),
        ("train", "models/field_agent", "0011.dir", "2.21 MB"),
    ]


@pytest.mark.parametrize("text", ["", "[]", "stages: 3", "a: {", "stages: {train: {outs: [1]}}"])
def test_a_damaged_lock_ends_in_one_line(tmp_path, text):
    lock = tmp_path / "dvc.lock"
    lock.write_text(text)
    with pytest.raises(UserError, match=r"dvc\.lock cannot be read .* run `git checkout"):
        hashes(lock)


def test_metrics_missing_or_damaged_end_in_one_line(tmp_path):
    path = tmp_path / "train/metrics.json"
    with pytest.raises(UserError, match="is missing: run `dvc repro train`"):
        read_metrics(path)
    path.parent.mkdir()
    for text in ("", "{", "[1]", "\x00"):
        path.write_text(text)
        with pytest.raises(UserError, match="run `dvc repro -f train`"):
            read_metrics(path)
    path.write_text('{"a": 1}')
    assert read_metrics(path) == {"a": 1}


def test_curves_missing_or_damaged_end_in_one_line(tmp_path):
    path = tmp_path / "loss.tsv"
    with pytest.raises(UserError, match="is missing: run `dvc repro`"):
        read_curve(path)
    for text in ("", "step\tloss\n", "step\tloss\n1\n", "step\tloss\n1\tx\n", "a\tb\n1\t2\t3\n"):
        path.write_text(text)
        with pytest.raises(UserError, match="is no table of numbers"):
            read_curve(path)
    path.write_text("step\tloss\n1\t0.5\n2\t0.25\n")
    assert read_curve(path) == {"step": [1.0, 2.0], "loss": [0.5, 0.25]}
