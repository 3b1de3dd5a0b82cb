"""What the stages share: whole outputs, one line for bad input."""

import importlib
from pathlib import Path

import pytest

from avvla.errors import UserError

STAGES = Path(__file__).parents[2] / "stages"


@pytest.fixture
def shared(monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(STAGES)
    monkeypatch.chdir(tmp_path)
    return importlib.import_module("_run")


def test_a_stage_gets_the_parameters(shared):
    Path("params.yaml").write_text("seed: 5\n")
    seeds = []
    shared.run(lambda params: seeds.append(params.seed))
    assert seeds == [5]


def _refuse(_):
    raise UserError("the first line\n  and the second")


def test_bad_input_is_one_line_and_code_1(shared):
    Path("params.yaml").write_text("{}")
    with pytest.raises(SystemExit) as caught:
        shared.run(_refuse)
    assert caught.value.code == "error: the first line and the second"  # to stderr, and code 1


def test_missing_parameters_are_told(shared):
    with pytest.raises(SystemExit, match=r"^error: params.yaml is missing"):
        shared.run(_refuse)


def test_an_interruption_is_code_130(shared):
    Path("params.yaml").write_text("{}")

    def interrupt(_):
        raise KeyboardInterrupt

    with pytest.raises(SystemExit) as caught:
        shared.run(interrupt)
    assert caught.value.code == 130


def _fill(folder, text):
    folder.mkdir()
    (folder / "file").write_text(text)


@pytest.mark.parametrize("before", [None, "old"])
def test_a_folder_is_replaced_whole(shared, before):
    path = Path("data/labels")
    if before:
        path.parent.mkdir()
        _fill(path, before)
        (path / "other").touch()
    with shared.replacing_folder(path) as folder:
        _fill(folder, "new")
    assert [(file.name, file.read_text()) for file in path.iterdir()] == [("file", "new")]
    assert [folder.name for folder in path.parent.iterdir()] == ["labels"]


def test_an_error_keeps_the_old_folder(shared):
    path = Path("data/labels")
    path.parent.mkdir()
    _fill(path, "old")
    with pytest.raises(UserError), shared.replacing_folder(path) as folder:  # noqa: PT012
        _fill(folder, "new")
        _refuse(None)
    assert (path / "file").read_text() == "old"
    assert [folder.name for folder in path.parent.iterdir()] == ["labels"]


def test_leftovers_of_a_killed_run_are_removed(shared):
    path = Path("data/labels")
    path.parent.mkdir()
    for name in (".labels.tmp", ".labels.old"):
        _fill(path.with_name(name), "left over")
    with shared.replacing_folder(path) as folder:
        _fill(folder, "new")
    assert [folder.name for folder in path.parent.iterdir()] == ["labels"]
