"""The folder of a training: what is kept, what is gone on from, what is refused."""

import pytest
from rl_factory import SMALL

from avvla.errors import UserError
from avvla.rl.reading import load_settings
from avvla.rl.run_folder import PROGRESS, SETTINGS, Progress, RunFolder


def write(folder):
    (folder / "weights").write_text("whole")


def kept(run, *steps, keep=9):
    for step in steps:
        run.save(Progress(steps=step, rows=({"steps": float(step)},)), keep, write)


@pytest.fixture
def run(tmp_path):
    return RunFolder(tmp_path / "run")


def names(run):
    return [checkpoint.folder.name for checkpoint in run.checkpoints()]


def test_the_newest_stay_in_the_order_of_steps(run) -> None:
    kept(run, 900, 10_000, 20_000, keep=2)
    assert names(run) == ["00010000", "00020000"]
    assert run.newest().progress == Progress(steps=20_000, rows=({"steps": 20_000.0},))


def test_half_written_ones_are_not_seen_and_removed_at_the_start(run, small) -> None:
    kept(run, 100)
    folder = run.folder / "checkpoints"
    (folder / ".half").mkdir()
    (folder / "00000200").mkdir()  # a crash of the file system can leave it without its progress
    (folder / "checkpoint_tmp3").mkdir()
    assert names(run) == ["00000100"]
    with run.locked():
        start = run.start("auto", False)
        run.begin(small, start)
    assert start.progress.steps == 100
    assert not (folder / ".half").exists()


def test_a_write_that_fails_leaves_what_was_there(run) -> None:
    kept(run, 100)

    def fail(folder):
        write(folder)
        raise OSError(28, "No space left on device")

    with pytest.raises(UserError, match=r"step 200 cannot be written .*No space.*make room"):
        run.save(Progress(steps=200), 1, fail)
    assert names(run) == ["00000100"]
    assert [path.name for path in (run.folder / "checkpoints").iterdir()] == ["00000100"]


def test_a_damaged_progress_is_named(run) -> None:
    kept(run, 100)
    (run.folder / "checkpoints/00000100" / PROGRESS).write_text("{")
    with pytest.raises(UserError, match=r"progress\.json.*delete the checkpoint's folder"):
        run.newest()


def begun(run, settings, resume, overwrite=False):
    with run.locked():
        start = run.start(resume, overwrite)
        run.begin(settings, start)
        return start


def test_a_new_folder_begins_anew(run, small) -> None:
    assert begun(run, small, "never") is None
    assert load_settings(run.folder / SETTINGS) == small


def test_never_refuses_a_folder_in_use_unless_it_may_be_overwritten(run, small) -> None:
    begun(run, small, "never")
    kept(run, 100)
    with pytest.raises(UserError, match=r"is not empty: go on with --resume auto, start anew with"):
        begun(run, small, "never")
    assert names(run) == ["00000100"]
    assert begun(run, small, "never", overwrite=True) is None
    assert names(run) == []


def test_a_damaged_run_may_be_overwritten(run, small) -> None:
    begun(run, small, "never")
    kept(run, 100)
    (run.folder / "checkpoints/00000100" / PROGRESS).write_text("{")
    assert begun(run, small, "never", overwrite=True) is None
    assert names(run) == []


@pytest.mark.parametrize("options", [("never", False), ("never", True), ("auto", False)])
def test_a_folder_of_somebody_else_is_left_alone(run, small, options) -> None:
    run.folder.mkdir()
    (run.folder / "thesis.tex").write_text("mine")
    with pytest.raises(UserError, match=r"no folder of a training: give another --name"):
        begun(run, small, *options)
    assert (run.folder / "thesis.tex").read_text() == "mine"


def test_auto_goes_on_where_there_is_something(run, small) -> None:
    assert begun(run, small, "auto") is None
    kept(run, 100, 200)
    assert begun(run, small, "auto").progress.steps == 200


def test_must_needs_a_checkpoint(run, small) -> None:
    with pytest.raises(UserError, match="has no whole checkpoint: train with --resume auto"):
        begun(run, small, "must")


def test_two_at_a_time_are_refused(run) -> None:
    with (
        run.locked(),
        pytest.raises(UserError, match="another process trains in"),
        RunFolder(run.folder).locked(),
    ):
        pass


def test_a_folder_that_cannot_be_made_is_named(tmp_path) -> None:
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(UserError, match="cannot be written"),
        RunFolder(tmp_path / "file" / "run").locked(),
    ):
        pass


def test_settings_are_written_the_same_each_time(run, small) -> None:
    begun(run, small, "auto")
    first = (run.folder / SETTINGS).read_bytes()
    begun(run, small, "auto")
    assert (run.folder / SETTINGS).read_bytes() == first
    assert SMALL["stop"]["steps"] == 1000
