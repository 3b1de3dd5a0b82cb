import importlib
from pathlib import Path

import pytest
import yaml

STAGES = Path(__file__).parents[2] / "stages"


@pytest.fixture
def stage(monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(STAGES)
    monkeypatch.chdir(tmp_path)
    Path("params.yaml").write_text(yaml.safe_dump({"seed": 3}))
    return importlib.import_module("report")


def test_the_page_is_written_from_results_parameters_and_lock(stage, monkeypatch):
    seen = []

    def render(*arguments):
        seen.extend(arguments)
        return "<!doctype html>"

    monkeypatch.setattr(stage, "render", render)
    stage.run(stage.report)
    assert Path("results/report.html").read_text() == "<!doctype html>"
    assert (seen[0], seen[1].seed, seen[2]) == (Path("results"), 3, Path("dvc.lock"))


def test_missing_metrics_end_in_one_line(stage):
    with pytest.raises(SystemExit) as ended:
        stage.run(stage.report)
    line = "error: results/evaluate/metrics.json is missing: run `dvc repro evaluate`"
    assert str(ended.value) == line
    assert not Path("results/report.html").exists()
