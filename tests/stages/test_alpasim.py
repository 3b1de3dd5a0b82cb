"""The stages of pipelines/alpasim: a finished run in, metrics and page out."""

import importlib
import json
from pathlib import Path

import pytest
import yaml
from alpasim_factory import evaluated_run, run_folder

STAGES = Path(__file__).parents[2] / "stages"
METRICS, PAGE = Path("results/alpasim/metrics.json"), Path("results/alpasim/report.html")


@pytest.fixture
def project(monkeypatch, tmp_path):
    """A folder with the parameters in it, and a finished run elsewhere."""
    monkeypatch.syspath_prepend(STAGES)
    (tmp_path / "project/pipelines/alpasim").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "project")
    monkeypatch.setenv("AVVLA_ALPASIM_RUN", str(evaluated_run(tmp_path / "run")))
    write()


def write(**simulate):
    Path("pipelines/alpasim/params.yaml").write_text(yaml.safe_dump({"simulate": simulate}))


def run(name):
    module = importlib.import_module(name)
    module.run(getattr(module, name), module.read)


def refused(name):
    with pytest.raises(SystemExit) as ended:
        run(name)
    assert "\n" not in str(ended.value)
    return str(ended.value)


@pytest.mark.usefixtures("project")
def test_a_finished_run_is_collected_and_shown_the_same_each_time():
    write(run="1", suite="public_2507")
    made = []
    for _ in range(2):
        run("simulate")
        run("alpasim_report")
        made.append((METRICS.read_bytes(), PAGE.read_bytes()))
    assert made[0] == made[1]
    assert json.loads(METRICS.read_text())["scenes"]["suite"] == "public_2507"
    assert b"public_2507: 1 scenes, 2 rollouts" in made[0][1]


@pytest.mark.usefixtures("project")
def test_without_a_run_it_says_what_to_set(monkeypatch):
    monkeypatch.delenv("AVVLA_ALPASIM_RUN")
    assert refused("simulate").startswith("error: AVVLA_ALPASIM_RUN is not set: set it to the run")
    monkeypatch.setenv("AVVLA_ALPASIM_RUN", "runs/first")
    assert "AVVLA_ALPASIM_RUN is 'runs/first', expected an absolute path" in refused("simulate")
    assert not METRICS.exists()


@pytest.mark.usefixtures("project")
def test_another_run_than_the_one_that_is_meant_is_refused():
    write(run="2")
    assert "simulate.run is '2' in pipelines/alpasim/params.yaml, but" in refused("simulate")
    assert not METRICS.exists()


@pytest.mark.usefixtures("project")
def test_a_run_that_was_not_evaluated(monkeypatch, tmp_path):
    monkeypatch.setenv("AVVLA_ALPASIM_RUN", str(run_folder(tmp_path / "new", old=True)))
    assert "has no result" in refused("simulate")


@pytest.mark.usefixtures("project")
def test_parameters_and_metrics_that_are_none():
    write(suit="public_2507")
    told = refused("simulate")
    assert "unknown parameter `simulate.suit`; did you mean `suite`?" in told
    write()
    assert "results/alpasim/metrics.json is missing: write it again" in refused("alpasim_report")
    assert not PAGE.exists()
