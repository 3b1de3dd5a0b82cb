"""Measurements are recorded, and pages held to them."""

import subprocess

import figures
import pytest

PAGE = """<!-- figures: speed -->
It makes 1,235 steps a second, 0.13 ms each, with `x = 9.99`, in 2 processes.
<!-- end -->
Elsewhere 7.77 is not looked at.
"""


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project with one measurement, recorded and quoted."""
    monkeypatch.chdir(tmp_path)
    for folder in ("bench", "docs", "results"):
        (tmp_path / folder).mkdir()
    (tmp_path / "speed.py").write_text("print('steps/s: 1234.6\\na step: 0.125 ms')\n")
    (tmp_path / "bench/figures.yaml").write_text(
        "speed: {command: python speed.py, code: [speed.py]}\n"
        "broken: {command: python absent.py, code: [speed.py]}\n"
    )
    (tmp_path / "README.md").write_text(PAGE)
    (tmp_path / "results/metrics.json").write_text('{"ade": 1.374}')
    subprocess.run(["git", "init", "-q"], check=True)
    commit()
    assert figures.make(["speed"]) == 0
    return tmp_path


def commit():
    subprocess.run(["git", "add", "-A"], check=True)
    identity = ["-c", "user.name=a", "-c", "user.email=a@b"]
    subprocess.run(["git", *identity, "commit", "-qm", "x"], check=True)


def faults():
    """Without the one that is never measured."""
    return [fault for fault in figures.faults() if "`broken`" not in fault]


def test_a_measurement_is_recorded_and_quoted(project):
    text = (project / "docs/figures.md").read_text()
    assert "## speed\n\n`python speed.py`\n" in text
    assert "```\nsteps/s: 1234.6\na step: 0.125 ms\n```\n" in text
    assert not faults()


def test_what_was_never_measured_is_named(project):
    fault = 'docs/figures.md has no `broken`: run `make figures ONLY="broken"`'
    assert fault in list(figures.faults())


def test_a_number_that_was_not_measured_is_named(project):
    (project / "README.md").write_text(PAGE.replace("0.13 ms", "0.14 ms"))
    assert faults() == ["README.md quotes 0.14 of `speed`, which was not measured"]


def test_code_that_has_changed_is_named(project):
    with (project / "speed.py").open("a") as file:
        file.write("# faster\n")
    assert faults() == ['`speed` is older than its code: run `make figures ONLY="speed"`']


def test_another_command_is_another_measurement(project):
    plan = project / "bench/figures.yaml"
    plan.write_text(plan.read_text().replace("python speed.py", "python speed.py --fast"))
    assert len(faults()) == 1


def test_a_measurement_of_a_stage_follows_what_it_wrote(project):
    lock = "stages: {{train: {{outs: [{{path: model, md5: {}}}]}}}}\n"
    (project / "dvc.lock").write_text(lock.format("aa"))
    plan = project / "bench/figures.yaml"
    plan.write_text(plan.read_text().replace("code: [speed.py]}", "code: ['dvc.lock:train']}", 1))
    commit()
    figures.make(["speed"])
    assert not faults()
    (project / "dvc.lock").write_text(lock.format("bb"))
    assert len(faults()) == 1


@pytest.mark.parametrize(("quoted", "wrong"), [("1.37", False), ("1.38", True), ("1.4", False)])
def test_what_the_pipeline_wrote_is_its_own_record(project, quoted, wrong):
    (project / "README.md").write_text(f"<!-- figures: results -->\n{quoted} m\n<!-- end -->\n")
    assert bool(faults()) == wrong


def test_what_is_gone_is_not_looked_at(project):
    (project / "README.md").write_text("<!-- figures: once -->\n3.21\n<!-- end -->\n")
    assert not faults()


def test_a_block_of_an_unknown_measurement_is_named(project):
    (project / "README.md").write_text("<!-- figures: seed -->\n3.21\n<!-- end -->\n")
    assert faults() == ["README.md quotes `seed`, which docs/figures.md does not have"]


def test_a_block_that_does_not_end_is_named(project):
    (project / "README.md").write_text("<!-- figures: speed -->\n3.21\n")
    assert faults() == ["README.md begins 1 blocks of figures and ends 0"]


def test_a_record_that_nothing_plans_is_named(project):
    plan = project / "bench/figures.yaml"
    plan.write_text(plan.read_text().replace("speed:", "rate:"))
    assert "docs/figures.md has `speed`, which is not in bench/figures.yaml" in faults()


def test_code_that_is_nothing_is_named(project):
    (project / "bench/figures.yaml").write_text("speed: {command: x, code: [gone.py]}\n")
    with pytest.raises(SystemExit, match=r"`speed` is of gone\.py, which is nothing here"):
        faults()


def test_a_failure_keeps_what_was_recorded(project):
    commit()
    before = (project / "docs/figures.md").read_text()
    assert figures.make(["broken"]) == 1
    assert (project / "docs/figures.md").read_text() == before


def test_an_uncommitted_change_is_refused(project):
    (project / "speed.py").write_text("print(1)\n")
    with pytest.raises(SystemExit, match=r"commit first, .*changed: speed\.py"):
        figures.make(["speed"])


def test_an_unknown_name_is_refused(project):
    with pytest.raises(SystemExit, match=r"no such measurement: sped; there are speed, broken"):
        figures.make(["sped"])
