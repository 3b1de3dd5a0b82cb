import json

import pytest
import yaml
from score_tables import COMMIT, one_stage, text, v1

from avvla import cli
from avvla.navsim.scores import SPLITS, Split


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.setitem(SPLITS, "navtest", Split(20))
    output = tmp_path / "results" / "metrics.json"

    def go(table, *, version="v1.1"):
        path = tmp_path / "scores.csv"
        path.write_text(text(table))
        given = ["--version", version, "--split", "navtest", "--commit", COMMIT]
        code = cli.main(["navsim", "import", str(path), *given, "--output", str(output)])
        return code, output

    return go


def test_import_prints_canaries_and_leaderboard_beside_the_score(run, capsys):
    code, output = run(v1(failed=7))
    assert code == 1  # as of `avvla pdm score` where a case failed
    captured = capsys.readouterr()
    assert captured.err.splitlines()[0] == "avvla: scene scene000000 failed and counts as 0"
    assert captured.err.splitlines()[-1] == "avvla: and 2 more"
    assert "constant velocity 20.6, human 94.5" in captured.out
    assert "published, PDMS on navtest, NAVSIM v1.1, as of 2026-06:" in captured.out
    assert "<- this score" in captured.out
    assert captured.out.splitlines()[-1] == f"{output}: 20 scenes, 7 failed"
    assert json.loads(output.read_text())["failed"] == 7
    code, _ = run(v1())
    assert code == 0
    assert "without the scenes that failed" not in capsys.readouterr().out


def test_import_of_another_version_writes_nothing(run, capsys):
    code, output = run(one_stage())
    assert code == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "was written by NAVSIM v2.2, one stage, but --version is v1.1" in line
    assert not output.exists()


@pytest.mark.parametrize("missing", ["--version", "--split", "--commit"])
def test_import_without_what_the_score_is_of_is_wrong_usage(missing, capsys):
    given = {"--version": "v1.1", "--split": "navtest", "--commit": COMMIT}
    del given[missing]
    with pytest.raises(SystemExit) as stop:
        cli.main(["navsim", "import", "a.csv", *(part for pair in given.items() for part in pair)])
    assert stop.value.code == 2
    assert missing in capsys.readouterr().err


def test_config_prints_the_agents_yaml(capsys):
    assert cli.main(["navsim", "config", "--policy", "constant_velocity"]) == 0
    made = yaml.safe_load(capsys.readouterr().out)
    assert (made["policy"], made["checkpoint"], made["device"]) == ("constant_velocity", "", "cpu")
    assert cli.main(["navsim", "config"]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "expected a folder with a config.json" in captured.err
